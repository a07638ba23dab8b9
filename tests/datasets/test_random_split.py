import numpy as np
import pytest

from mtl_lowres.datasets.random_split import split_rows
from mtl_lowres.errors import InputError


def test_one_group_is_a_cut_permutation():
    """The first seven of numpy's own permutation are train, the next val, the last two test."""
    splits = split_rows(["all"] * 10, (0.7, 0.1, 0.2), seed=3)
    order = np.random.default_rng(3).permutation(10)
    assert splits[order].tolist() == ["train"] * 7 + ["val"] + ["test"] * 2


def test_each_group_is_dealt_alike():
    groups = np.repeat(["a", "b", "c"], [10, 20, 10])
    splits = split_rows(groups, (0.7, 0.1, 0.2), seed=1)
    for group, size in (("a", 10), ("b", 20), ("c", 10)):
        counts = [np.sum(splits[groups == group] == name) for name in ("train", "val", "test")]
        assert counts == [0.7 * size, 0.1 * size, 0.2 * size]


def test_small_groups_come_near_to_it():
    """Sixteen groups of three: 70 % of 48 rows is 34, and each group has a row in train."""
    groups = np.repeat(np.arange(16), 3).astype(str)
    splits = split_rows(groups, (0.7, 0.1, 0.2))
    assert [np.sum(splits == name) for name in ("train", "val", "test")] == [34, 4, 10]
    assert set(groups[splits == "train"]) == set(groups)


def test_a_seed_is_a_split():
    groups = ["a", "b"] * 20
    first, again, other = (split_rows(groups, (0.5, 0.25, 0.25), seed) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.7, 0.1, 0.1), (1.2, -0.1, -0.1)])
def test_fractions_that_cannot_be_used(fractions):
    with pytest.raises(InputError, match="split=.*sum to 1"):
        split_rows(["a"] * 5, fractions)


def test_train_must_not_be_empty():
    with pytest.raises(InputError, match="leaves none of 2 rows for train"):
        split_rows(["a", "a"], (0.2, 0.4, 0.4))
    assert split_rows(["a"], (0.7, 0.1, 0.2)).tolist() == ["train"]
