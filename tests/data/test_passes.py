"""One iterator serves all passes, and the passes are those of the dataset itself."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.passes import Passes, through_one_iterator


def of_length(known: bool) -> tf.data.Dataset:
    """Return a dataset of 0 to 4 in batches of 2."""
    numbers = tf.data.Dataset.range(5)
    return (numbers if known else numbers.filter(lambda number: number >= 0)).batch(2)


@pytest.mark.parametrize("known", [False, True])
def test_every_pass_is_the_whole_dataset(known):
    passes = Passes(of_length(known))
    for _ in range(3):
        np.testing.assert_array_equal(np.concatenate([b.numpy() for b in passes]), range(5))


def test_one_iterator_for_all_passes(monkeypatch):
    made = []
    original = tf.data.Dataset.__iter__
    monkeypatch.setattr(
        tf.data.Dataset, "__iter__", lambda self: made.append(True) or original(self)
    )
    passes = Passes(of_length(known=True))
    for _ in range(3):
        assert len(list(passes)) == 3
    assert len(made) == 1


def test_fit_reads_all_epochs_through_one_dataset():
    dataset = of_length(known=True)
    repeated, options = through_one_iterator(dataset, {"epochs": 5, "initial_epoch": 2})
    assert options == {"epochs": 5, "initial_epoch": 2, "steps_per_epoch": 3}
    assert int(repeated.cardinality()) == 9


@pytest.mark.parametrize(
    "options",
    [{"epochs": 1}, {"epochs": 3, "initial_epoch": 2}, {"epochs": 3, "steps_per_epoch": 1}],
)
def test_fit_is_left_alone_where_one_iterator_would_do(options):
    dataset = of_length(known=True)
    assert through_one_iterator(dataset, options) == (dataset, options)


def test_arrays_and_unknown_lengths_are_left_alone():
    for x in (np.zeros(3), of_length(known=False)):
        assert through_one_iterator(x, {"epochs": 3}) == (x, {"epochs": 3})
