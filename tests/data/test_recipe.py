import pytest

from mtl_lowres.data.recipe import Call, build_call, format_calls, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.registry import Registry


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (
            "area(16)|noise(0.02, seed=3)",
            [Call("area", (16,)), Call("noise", (0.02,), {"seed": 3})],
        ),
        ("gray", [Call("gray")]),
        (" gray() | area( 16 , 12 ) ", [Call("gray"), Call("area", (16, 12))]),
        ("bicubic(1/7)", [Call("bicubic", (1 / 7,))]),
        ("f((4, 2, 1), x=(0.5,))", [Call("f", ((4, 2, 1),), {"x": (0.5,)})]),
        ("f(-1, -2.5, True, x='hö')", [Call("f", (-1, -2.5, True), {"x": "hö"})]),
    ],
)
def test_parses_literals_and_reads_its_own_text_back(text, calls):
    assert parse_calls(text) == calls
    assert parse_calls(format_calls(calls)) == calls


def test_canonical_text():
    calls = parse_calls("area( 16 )|gray|bicubic(1 / 7,antialias = False)|f('a', 0.02, 1/49)")
    assert format_calls(calls) == 'area(16)|gray()|bicubic(1/7, antialias=False)|f("a", 0.02, 1/49)'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "area(16)||gray",
        "|area(16)",
        "area(16",
        "area 16",
        "16",
        "a.b(1)",
        "area(x)",
        "area(1/0)",
        "area(2**9)",
        "area(1+1)",
        "area(1/2/3)",
        "area(1e999)",
        "area(nan)",
        "area([1])",
        "area(None)",
        "area(b'x')",
        "area(1j)",
        "area(-True)",
        "area(*[1])",
        "area(**{'a': 1})",
        "area(a=1, a=2)",
        "__import__('os').system('ls')",
        "area(open('x'))",
        "area(\0)",
        "(" * 5000,
        None,
        16,
    ],
)
def test_anything_else_is_an_error_of_one_line(text):
    with pytest.raises(InputError) as raised:
        parse_calls(text)
    assert "\n" not in str(raised.value)


def test_error_shows_the_recipe_and_the_part():
    with pytest.raises(InputError, match=r"recipe 'area\(16\)\|blur\(x\)': argument 'x'"):
        parse_calls("area(16)|blur(x)")


def test_build_call_checks_names_and_arguments():
    registry = Registry("shape")

    @registry.register("square")
    def square(side: int, fill: bool = False) -> tuple:
        if side < 1:
            raise InputError(f"side must be positive, got {side}")
        return side, fill

    assert build_call(Call("square", (3,), {"fill": True}), registry) == (3, True)
    with pytest.raises(InputError, match="did you mean 'square'"):
        build_call(Call("sqare", (3,)), registry)
    with pytest.raises(
        InputError, match=r"square\(\): missing.*written square\(side, fill=False\)"
    ):
        build_call(Call("square"), registry)
    with pytest.raises(InputError, match=r"square\(3, depth=1\): .*'depth'"):
        build_call(Call("square", (3,), {"depth": 1}), registry)
    with pytest.raises(InputError, match=r"square\(0\): side must be positive"):
        build_call(Call("square", (0,)), registry)
