"""Several temporal views of a clip: other frames of the same video, taken by the same rule.

The rules here are known to `parse_clip` once this module is imported, as evaluation does.
"""

import numpy as np

from mtl_lowres.data.clips import ClipSampling, parse_clip
from mtl_lowres.data.recipe import Call, format_calls, parse_calls, require_integer
from mtl_lowres.errors import InputError
from mtl_lowres.registry import SAMPLINGS

_MAX_VIEWS = 1000
# The rule that takes the views of what a rule takes.
_RULES = {
    "uniform": "uniform_view",
    "first": "window_view",
    "dense": "window_view",
    "random": "window_view",
}


def view_of(clip: str, view: int, views: int) -> str:
    """Return the clip text of one of several views; of one view it is the text itself.

    The views of `uniform` take their frames at other places within each of its equal parts, those
    of the other rules are windows that are spread evenly over the video. Of a video without room
    for several windows all views are the same.

    Args:
        clip: text of `parse_clip`; its flow method stays.
        view: which one, from 0.
        views: how many there are, 1 to 1000.

    Raises:
        InputError: if a number is out of range, or the rule takes a video whole.

    Example:
        >>> view_of("dense(8)|farneback(3)", 0, 5)
        'window_view(8, view=0, views=5)|farneback(3)'
    """
    _require_view(view, views)
    text = parse_clip(clip).text
    if views == 1:
        return text
    rule, *flow = parse_calls(text)
    if rule.name not in _RULES:
        raise InputError(
            f"clip {clip!r} has no views, only {', '.join(_RULES)} have: measure it with one view"
        )
    numbers = {"view": view, "views": views}
    return format_calls([Call(_RULES[rule.name], rule.args, rule.kwargs | numbers), *flow])


@SAMPLINGS.register("uniform_view")
def uniform_view(n: int, view: int, views: int) -> ClipSampling:
    """Take every `views`-th of the middle frames of `n views` equal parts, from number `view` on.

    That is `floor((2 (i views + view) + 1) count / (2 n views))` for i = 0 to n - 1.
    """
    _require_view(view, views)
    places = 2 * (np.arange(require_integer("n", n, 1)) * views + view) + 1
    return ClipSampling(n, lambda count, _: places * count // (2 * n * views))


@SAMPLINGS.register("window_view")
def window_view(n: int, stride: int = 1, *, view: int, views: int) -> ClipSampling:
    """Take `n` frames, `stride` apart, from the window at the middle of one of `views` equal parts.

    The parts are those of the places where a window can begin. A video that is shorter than the
    window is read from its first frame and holds its last one.
    """
    _require_view(view, views)
    offsets = np.arange(require_integer("n", n, 1)) * require_integer("stride", stride, 1)
    span = offsets[-1] + 1

    def choose(count, _):
        return (2 * view + 1) * max(0, count - span) // (2 * views) + offsets

    return ClipSampling(n, choose)


def _require_view(view: int, views: int) -> None:
    require_integer("views", views, 1, _MAX_VIEWS)
    require_integer("view", view, 0, views - 1)
