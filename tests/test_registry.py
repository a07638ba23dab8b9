"""Names are unique, listed, and suggested when misspelt."""

import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.registry import Registry


@pytest.fixture
def shapes():
    registry = Registry("shape")
    registry.register("square")(lambda side: side**2)
    registry.register("circle")(lambda radius: 3.14 * radius**2)
    return registry


def test_registered_function_is_returned(shapes):
    assert shapes.get("square")(3) == 9
    assert "square" in shapes and "cube" not in shapes


def test_list_matches_wildcards(shapes):
    assert shapes.list() == ["circle", "square"]
    assert shapes.list("s*") == ["square"]


def test_unknown_name_suggests_the_nearest(shapes):
    with pytest.raises(InputError, match="unknown shape 'squar': did you mean 'square'"):
        shapes.get("squar")


def test_name_cannot_be_taken_twice(shapes):
    with pytest.raises(ValueError, match="'square' is already registered"):
        shapes.register("square")(lambda: None)
