"""Probe resolutions: their sizes, their recipes, and the figures that are followed over them."""

import re
from collections.abc import Mapping, Sequence

from mtl_lowres.data.recipe import parse_calls
from mtl_lowres.errors import InputError

_HEADLINES = ("macro_f1", "accuracy", "mae_years", "auc")
# They draw a resolution for training; at a probe the resolution is given.
_DRAWING = ("random_size", "pick_size")
_FOLDS = re.compile(r"(\w+_)?\d+fold_accuracy")


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Return the (height, width) of each size in a text such as `"112,56,16x14"`.

    A number is the side of a square; of two, the first is the height.

    Raises:
        InputError: if a part is no size, or one is there twice.
    """
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4}))?", part.strip().lower(), re.A)
        if not match:
            raise InputError(
                f"size {part.strip()!r} cannot be read: write N for a square or HxW, such as "
                "'112,56,16x14'"
            )
        size = int(match[1]), int(match[2] or match[1])
        if size in sizes:
            raise InputError(f"size {part.strip()!r} is there twice in {text!r}: leave one out")
        sizes.append(size)
    return sizes


def probe_recipe(
    size: int | Sequence[int], kernel: str, own_recipe: str, input_size: Sequence[int]
) -> str:
    """Return the recipe that shows a network an image as if it had come at a probe's resolution.

    The image is brought to `size`. Where that is lower or narrower than what the network sees, it
    is then enlarged by bicubic interpolation, as the face papers do; where it is not, what follows
    is the network's own recipe, or bicubic interpolation where that recipe draws a resolution.

    Args:
        size: (height, width) of the probe in pixels, or the side of a square.
        kernel: resizing operation to that size, such as `"area"` or `"bicubic"`.
        own_recipe: the recipe that the network was trained with.
        input_size: (height, width) that it sees.

    Example:
        >>> probe_recipe((16, 14), "area", "area(112, 96)", (112, 96))
        'area(16, 14)|bicubic(112, 96)'
        >>> probe_recipe(32, "bicubic", "area(16)", (16, 16))
        'bicubic(32, 32)|area(16)'
    """
    height, width = (size, size) if isinstance(size, int) else size
    probe = f"{kernel}({height}, {width})"
    draws = any(call.name in _DRAWING for call in parse_calls(own_recipe))
    if height < input_size[0] or width < input_size[1] or draws:
        return f"{probe}|bicubic({input_size[0]}, {input_size[1]})"
    return f"{probe}|{own_recipe}"


def headline_figures(figures: Mapping) -> list[dict]:
    """Return the figures of a task that a sweep follows, with their interval and chance.

    Args:
        figures: what `classification_metrics`, `regression_metrics` or `verification_metrics`
            returns.

    Returns:
        A dict a metric: `metric`, `value`, `low` and `high` (ends of the interval) and `chance`
        (what is reached without looking: 1 / classes, the error of always answering the median
        age, or 0.5 for pairs); each may be None where it is not known.
    """
    interval = figures.get("interval") or {}
    rows = []
    for name, value in figures.items():
        if value is not None and (name in _HEADLINES or _FOLDS.fullmatch(name)):
            low, high = interval.get(name, (None, None))
            row = {"metric": name, "value": float(value), "low": low, "high": high}
            rows.append(row | {"chance": _chance(name, figures)})
    return rows


def _chance(metric: str, figures: Mapping) -> float | None:
    if metric == "mae_years":
        return figures.get("median_mae_years")
    return 1 / len(figures["per_class"]) if "per_class" in figures else 0.5
