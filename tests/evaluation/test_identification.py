import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation import identification
from mtl_lowres.evaluation.identification import rank1_identification


def test_by_hand():
    """At 0, 10, 30, 50 and 55 degrees: the third's nearest is the second, another person's.

    The single person at 29 degrees does not take part. A guess is right for a (2 images, 1 of 4
    others) in 1/4, for b (3 images) in 2/4.
    """
    degrees = np.radians([0, 10, 30, 29, 51, 55])
    embeddings = np.column_stack([np.cos(degrees), np.sin(degrees)]) * [
        [1],
        [9],
        [2],
        [1],
        [3],
        [4],
    ]
    result = rank1_identification(embeddings, ["a", "a", "b", "alone", "b", "b"])
    assert result == {
        "leave_one_out_rank1": pytest.approx(4 / 5),
        "chance": pytest.approx((2 * 1 / 4 + 3 * 2 / 4) / 5),
        "people": 2,
        "images": 5,
    }


def test_against_a_plain_search(monkeypatch):
    monkeypatch.setattr(identification, "_ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    people = rng.integers(0, 6, 40)
    embeddings = rng.normal(size=(40, 5)) + people[:, None] * [1, -1, 0.5, 0, 0]
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    hits = []
    for index in range(40):
        others = np.delete(np.arange(40), index)
        hits.append(people[others[np.argmax(unit[others] @ unit[index])]] == people[index])
    result = rank1_identification(embeddings, people)
    assert result["leave_one_out_rank1"] == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_equal_embeddings_are_chance(value):
    result = rank1_identification(np.full((9, 3), value), list("aabbbcccc"))
    assert result["leave_one_out_rank1"] == pytest.approx(result["chance"])


def test_unknown_people_are_left_out():
    result = rank1_identification(np.eye(6), ["a", "a", "b", "b", None, None])
    assert (result["people"], result["images"]) == (2, 4)


@pytest.mark.parametrize(
    ("embeddings", "subjects", "message"),
    [
        (np.eye(3), list("aab"), "1 people have two images"),
        (np.zeros((0, 3)), [], "0 people have two images"),
        (np.eye(4), list("aab"), "3 subjects for 4 samples"),
        (np.ones(4), list("aabb"), r"have shape \(4,\)"),
        (np.full((4, 2), np.nan), list("aabb"), "not finite"),
    ],
)
def test_unusable_embeddings(embeddings, subjects, message):
    with pytest.raises(InputError, match=message):
        rank1_identification(embeddings, subjects)
