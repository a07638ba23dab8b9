"""Views take the frames that are worked out by hand, and one view is the clip itself."""

import numpy as np
import pytest

from mtl_lowres.data.clip_views import view_of
from mtl_lowres.data.clips import parse_clip
from mtl_lowres.errors import InputError


def _indices(clip, views, count):
    return [parse_clip(view_of(clip, view, views)).indices(count).tolist() for view in range(views)]


def test_views_of_uniform_lie_within_its_parts():
    """12 frames in 3 parts of 4, of each the second and the fourth: (2 (2 i + v) + 1) 12 / 12."""
    assert _indices("uniform(3)", 2, 12) == [[1, 5, 9], [3, 7, 11]]
    together = sorted(sum(_indices("uniform(4)", 5, 97), []))
    assert together == parse_clip("uniform(20)").indices(97).tolist()


@pytest.mark.parametrize("rule", ["dense", "first", "random"])
def test_views_of_windows_are_spread_over_the_video(rule):
    """3 frames of 13 can begin at 0 to 10: the middles of two halves of that are 2 and 7."""
    assert _indices(f"{rule}(3)", 2, 13) == [[2, 3, 4], [7, 8, 9]]


def test_a_stride_widens_the_window():
    """4 frames, 3 apart, span 10 of 14: they begin at (2 v + 1) 4 / 4 of 0 to 4."""
    assert _indices("random(4, stride=3)", 2, 14) == [[1, 4, 7, 10], [3, 6, 9, 12]]


@pytest.mark.parametrize("clip", ["uniform(5)", "dense(5, stride=2)"])
@pytest.mark.parametrize("count", [1, 4, 9, 100])
def test_the_middle_one_of_the_views_is_the_clip(clip, count):
    middle = parse_clip(view_of(clip, 1, 3)).indices(count)
    if clip.startswith("dense"):
        np.testing.assert_array_equal(middle, parse_clip(clip).indices(count))
    assert view_of(clip, 0, 1) == clip


def test_short_videos_hold_their_last_frame_in_every_view():
    assert _indices("dense(4)", 3, 2) == [[0, 1, 1, 1]] * 3
    assert _indices("uniform(2)", 2, 1) == [[0, 0]] * 2


def test_flow_stays():
    text = view_of("random( 4 )|farneback(3)", 1, 5)
    assert text == "window_view(4, view=1, views=5)|farneback(3)"
    assert parse_clip(text).shape((6, 8)) == (4, 6, 8, 5) and parse_clip(text).deterministic
    assert view_of("random( 4 )|farneback(3)", 0, 1) == "random(4)|farneback(3)"


@pytest.mark.parametrize(
    "clip, view, views, message",
    [
        ("uniform(4)", 2, 2, "view must be an integer from 0 to 1, got 2"),
        ("uniform(4)", 0, 0, "views must be an integer from 1 to 1000, got 0"),
        ("units(4, 8)", 0, 2, "has no views, only uniform, first, dense, random have"),
        ("uniform(0)", 0, 2, "uniform"),
    ],
)
def test_what_has_no_views_is_refused(clip, view, views, message):
    with pytest.raises(InputError, match=message):
        view_of(clip, view, views)
