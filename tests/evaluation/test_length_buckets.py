"""Buckets by hand."""

import numpy as np

from mtl_lowres.evaluation.length_buckets import by_length


def test_four_buckets_of_eight_samples():
    """Sorted, 1 2 | 3 4 | 5 6 | 7 8; accuracy here is the mean place of the samples."""
    lengths = [8, 1, 7, 2, 6, 3, 5, 4]
    buckets = by_length(lengths, lambda places: {"accuracy": float(np.mean(places)), "n": 99})
    assert [(b["shortest"], b["longest"], b["n"]) for b in buckets] == [
        *((1, 2, 2), (3, 4, 2), (5, 6, 2), (7, 8, 2)),
    ]
    assert [b["accuracy"] for b in buckets] == [2, 6, 5, 1]


def test_equal_lengths_stay_together_and_unknown_ones_are_left_out():
    """Ends at 10, 10, 30: two buckets, 10 with four samples, 30 with one."""
    lengths = [10, 10, np.nan, 30, 10, 10]
    buckets = by_length(lengths, lambda places: {"mae_years": float(len(places))})
    assert buckets == [
        {"shortest": 10, "longest": 10, "n": 4, "mae_years": 4.0},
        {"shortest": 30, "longest": 30, "n": 1, "mae_years": 1.0},
    ]


def test_nothing_to_tell_apart():
    for lengths in ([], [np.nan], [5], [7, 7, 7]):
        assert by_length(lengths, lambda places: {}) == []
