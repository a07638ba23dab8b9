"""Indices of every sampling rule, derived by hand."""

import numpy as np
import pytest

from mtl_lowres.data.clips import list_clip_samplings, parse_clip
from mtl_lowres.errors import InputError

# Rule -> {frames in the video: indices}; the rule's texts all give five frames.
BY_HAND = {
    "uniform(5)": {
        1: [0, 0, 0, 0, 0],
        3: [0, 0, 1, 2, 2],  # floor of 0.3, 0.9, 1.5, 2.1, 2.7
        5: [0, 1, 2, 3, 4],
        100: [10, 30, 50, 70, 90],
    },
    "first(5)": {
        1: [0, 0, 0, 0, 0],
        3: [0, 1, 2, 2, 2],
        5: [0, 1, 2, 3, 4],
        100: [0, 1, 2, 3, 4],
    },
    "dense(5)": {
        1: [0, 0, 0, 0, 0],
        3: [0, 1, 2, 2, 2],
        5: [0, 1, 2, 3, 4],
        100: [47, 48, 49, 50, 51],  # 47 frames before, 48 after
    },
    "dense(5, stride=3)": {
        1: [0, 0, 0, 0, 0],
        3: [0, 2, 2, 2, 2],
        5: [0, 3, 4, 4, 4],
        13: [0, 3, 6, 9, 12],
        100: [43, 46, 49, 52, 55],
    },
}


@pytest.mark.parametrize("text", BY_HAND)
def test_deterministic_rules(text):
    sampling = parse_clip(text)
    assert sampling.frames == 5 and sampling.deterministic and sampling.text == text
    for count, expected in BY_HAND[text].items():
        np.testing.assert_array_equal(sampling.indices(count), expected)
        np.testing.assert_array_equal(sampling.indices(count, seed=[-3, 7]), expected)


@pytest.mark.parametrize(("text", "stride"), [("random(5)", 1), ("random(5, stride=3)", 3)])
def test_random_windows_begin_anywhere_and_repeat_with_the_seed(text, stride):
    sampling = parse_clip(text)
    assert not sampling.deterministic
    span = 4 * stride + 1
    count = span + 3
    windows = np.array([sampling.indices(count, [seed, -1]) for seed in range(200)])
    assert (np.diff(windows, axis=1) == stride).all()
    assert set(windows[:, 0]) == {0, 1, 2, 3}
    np.testing.assert_array_equal(sampling.indices(count, [8, -1]), windows[8])
    short = np.minimum(np.arange(5) * stride, 2)
    np.testing.assert_array_equal(sampling.indices(3, 4), short)
    np.testing.assert_array_equal(sampling.indices(1, 4), [0] * 5)


def test_every_rule_is_listed_and_equal_texts_are_equal():
    assert {"dense", "first", "random", "uniform", "units"} <= set(list_clip_samplings())
    assert parse_clip("random( 4 )").text == "random(4)"
    assert parse_clip("uniform(4)") == parse_clip("uniform( 4 )") != parse_clip("first(4)")


def test_three_frames_for_six_repeat_evenly():
    np.testing.assert_array_equal(parse_clip("uniform(6)").indices(3), [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uniform(0)", "n must be an integer from 1 to 1024, got 0"),
        ("dense(4, 0)", "stride must be an integer from 1"),
        ("even(4)", "unknown clip sampling 'even'"),
        ("first(4)|first(2)", "unknown optical flow 'first'"),
        ("first(2.5)", "got 2.5"),
        ("uniform()", "written uniform"),
        ("", "empty"),
    ],
)
def test_wrong_texts(text, message):
    with pytest.raises(InputError, match=message) as raised:
        parse_clip(text)
    assert "\n" not in str(raised.value)


def test_a_video_without_frames():
    with pytest.raises(ValueError, match="at least one frame, got 0"):
        parse_clip("first(2)").indices(0)
