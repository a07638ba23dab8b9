"""Pairs are those that enumeration gives, each once."""

import itertools

import numpy as np
import pytest

from mtl_lowres.evaluation.pairs import form_pairs


def as_set(first, second):
    return {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}


PEOPLE = ["ann", "böb", "ann", "cat", "böb", "ann"]


def test_all_pairs():
    first, second, same = form_pairs(PEOPLE)
    every = [frozenset(pair) for pair in itertools.combinations(range(len(PEOPLE)), 2)]
    expected = {pair for pair in every if len({PEOPLE[place] for place in pair}) == 1}
    assert same.tolist() == [True] * 4 + [False] * 11
    assert as_set(first[same], second[same]) == expected
    assert as_set(first[~same], second[~same]) == set(every) - expected


def test_drawn_pairs_are_distinct_and_of_their_kind():
    people = np.arange(300) % 7
    first, second, same = form_pairs(people, most=500, seed=3)
    assert same.sum() == (~same).sum() == 500
    np.testing.assert_array_equal(people[first] == people[second], same)
    assert len(as_set(first, second)) == 1000 and (first != second).all()


def test_drawing_is_even_and_seeded():
    """Of 15 pairs of different people, one drawn 3000 times: each about 200 times."""
    people = [0, 0, 0, 1, 1, 1, 1, 1]
    drawn = [form_pairs(people, most=1, seed=seed) for seed in range(3000)]
    pairs = [(int(first[1]), int(second[1])) for first, second, _ in drawn]
    counts = np.unique(pairs, axis=0, return_counts=True)[1]
    assert len(counts) == 15 and counts.min() > 140 and counts.max() < 260
    again = form_pairs(people, most=1, seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(drawn[5], again, strict=True))


@pytest.mark.parametrize(
    ("people", "same", "different"), [([], 0, 0), (["a"], 0, 0), (["a"] * 3, 3, 0), ("abc", 0, 3)]
)
def test_few_people(people, same, different):
    kinds = form_pairs(list(people))[2]
    assert (kinds.sum(), (~kinds).sum()) == (same, different)
