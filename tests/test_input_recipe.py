"""The recipe between files and a network is there and fits, or is refused in one line."""

import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.input_recipe import input_recipe


@pytest.mark.parametrize(
    ("shape", "own", "degrade", "expected"),
    [
        ([16, 16, 3], "area(16)", None, "area(16)"),
        ([16, 16, 3], "area(16)", "area(8)|bicubic(16)", "area(8)|bicubic(16)"),
        ([4, 6, 8, 5], None, "area(6, 8)", "area(6, 8)"),
        ([20, 512], None, None, None),
        ([20, 512], "area(9)", None, "area(9)"),
    ],
)
def test_the_models_own_unless_another_is_given(shape, own, degrade, expected):
    assert input_recipe({"input_shape": shape, "degrade": own}, degrade) == expected


@pytest.mark.parametrize(
    ("own", "degrade", "message"),
    [
        (None, None, "knows no degradation recipe: name one, such as 'area(16, 24)'"),
        ("area(16)", None, "'area(16)' gives images of (16, 16), but the network takes (16, 24)"),
        (None, "gray()", "any size, but the network takes (16, 24): end it with that size, such"),
        ("area(16, 24)", "aera(16, 24)", "did you mean 'area'"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(own, degrade, message):
    with pytest.raises(InputError) as error:
        input_recipe({"input_shape": [16, 24, 3], "degrade": own}, degrade)
    assert message in str(error.value) and "\n" not in str(error.value)
