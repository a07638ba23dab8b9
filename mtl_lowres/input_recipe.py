"""The degradation recipe between files and what a network takes."""

from collections.abc import Mapping
from typing import Any

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError


def input_recipe(description: Mapping[str, Any], degrade: str | None = None) -> str | None:
    """Return the recipe that makes of files what a network takes.

    Args:
        description: of a model, or of what was made of one: `input_shape` and `degrade`.
        degrade: another recipe than its own.

    Returns:
        The text; for a network of stored features, which are not degraded, None if none is given.

    Raises:
        InputError: if there is none, or it cannot be read or gives images of another size.

    Example:
        >>> input_recipe({"input_shape": [16, 16, 3], "degrade": "area(16)"}, "bicubic(16)")
        'bicubic(16)'
    """
    text, shape = degrade or description.get("degrade"), tuple(description["input_shape"])
    if len(shape) < 3:
        return text
    wanted = shape[-3:-1]
    if not text:
        raise InputError(f"the model knows no degradation recipe: name one, such as 'area{wanted}'")
    made = parse_recipe(text).output_size(None, None)
    if None not in wanted and made != wanted:
        gives = "images of any size" if None in made else f"images of {made}"
        raise InputError(
            f"degrade={text!r} gives {gives}, but the network takes {wanted}: end it with that "
            f"size, such as area{wanted}"
        )
    return text
