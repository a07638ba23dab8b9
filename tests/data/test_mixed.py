"""make_mixed_dataset: proportions, epochs, missing tasks."""

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.mixed import make_mixed_dataset, plan_batches
from mtl_lowres.errors import InputError

OPTIONS = {"degrade": "area(2)", "clip": "first(2)"}


@pytest.fixture
def manifests(tmp_path):
    """`walks`: 12 clips with an action; `faces`: 5 gray images with an age; values tell rows."""
    tables = {}
    for name, count, base, shape in (("walks", 12, 100, (3, 4, 4)), ("faces", 5, 0, (4, 4))):
        paths = [tmp_path / f"{name} ü {row}.npy" for row in range(count)]
        for row, path in enumerate(paths):
            np.save(path, np.full(shape, base + 5 * row, np.uint8))
        tables[name] = pd.DataFrame({"path": list(map(str, paths))})
    tables["walks"]["action"] = pd.array(np.arange(12) % 3, "Int64")
    tables["faces"]["age"] = np.arange(5.0)
    return tables


def _batches(dataset):
    """The gray value of each sample, batch by batch."""
    return [np.rint(x[:, 0, 0, 0, 0] * 255).astype(int) for x, *_ in dataset.as_numpy_iterator()]


def test_shares_and_steps_by_hand():
    assert plan_batches({"a": 10, "b": 10}, {"a": 0.5, "b": 0.5}, 8) == ({"a": 4, "b": 4}, 3)
    sizes = {"a": 10, "b": 9, "c": 9}
    # 10 x (0.5, 0.3, 0.2) are whole; 7 of them 3.5, 2.1, 1.4: the largest remainder is a's.
    assert plan_batches(sizes, {"a": 5, "b": 3, "c": 2}, 7) == ({"a": 4, "b": 2, "c": 1}, 9)
    assert plan_batches({"a": 1, "b": 1}, {"a": 1, "b": 1}, 3) == ({"a": 2, "b": 1}, 1)
    assert plan_batches({"a": 7}, {"a": 3}, 4) == ({"a": 4}, 2)


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_every_batch_has_the_proportions_and_an_epoch_shows_every_row(manifests, cache):
    dataset = make_mixed_dataset(
        manifests,
        ["action", "age"],
        proportions={"walks": 0.75, "faces": 0.25},
        batch_size=4,
        cache=cache,
        **OPTIONS,
    )
    if cache == "memory":
        assert len(dataset) == 5  # a fourth of 4 takes five batches for five faces
    for _ in range(2):
        batches = _batches(dataset)
        assert [len(batch) for batch in batches] == [4] * 5
        assert all((batch >= 100).sum() == 3 for batch in batches)
        values = np.concatenate(batches)
        faces, walks = np.sort(values[values < 100]), values[values >= 100]
        np.testing.assert_array_equal(faces, 5 * np.arange(5))
        assert set(walks) == set(100 + 5 * np.arange(12)) and len(walks) == 15
        assert np.unique(walks, return_counts=True)[1].max() == 2


def test_a_task_that_a_manifest_lacks_is_missing_there(manifests):
    dataset = make_mixed_dataset(manifests, ["action", "age"], batch_size=17, **OPTIONS)
    ((images, labels, weights),) = list(dataset.as_numpy_iterator())
    values = np.rint(images[:, 0, 0, 0, 0] * 255).astype(int)
    walks = values >= 100
    assert walks.sum() == 12
    np.testing.assert_array_equal(weights["action"], walks)
    np.testing.assert_array_equal(weights["age"], ~walks)
    np.testing.assert_array_equal(labels["action"][walks], (values[walks] - 100) // 5 % 3)
    np.testing.assert_array_equal(labels["age"][~walks], values[~walks] / 5)
    assert labels["action"].dtype == np.int32 and labels["age"].dtype == np.float32


def test_epochs_differ_and_resume_by_number(manifests):
    options = {"batch_size": 6, "seed": 3, "degrade": "area(2)|noise(0.01)", "clip": "first(2)"}
    dataset = make_mixed_dataset(manifests, ["action"], **options)
    first, second = ([x for x, *_ in dataset.as_numpy_iterator()] for _ in range(2))
    assert not np.array_equal(first, second)
    resumed = make_mixed_dataset(manifests, ["action"], first_epoch=1, **options)
    np.testing.assert_array_equal(second, [x for x, *_ in resumed.as_numpy_iterator()])


def test_mixup_joins_the_manifests(manifests):
    dataset = make_mixed_dataset(
        manifests, ["action", "age"], batch_size=17, augment="mixup(1)", **OPTIONS
    )
    images, labels, weights = next(dataset.as_numpy_iterator())
    assert labels["action"].shape == (17, 3)
    # A pair of a face and a walk has neither label.
    assert (weights["action"] + weights["age"] == 0).any()


def test_options_by_manifest(manifests):
    dataset = make_mixed_dataset(
        manifests,
        ["age"],
        degrade={"walks": "nearest(2)", "faces": "area(2)"},
        clip={"walks": "uniform(2)", "faces": "first(2)"},
        batch_size=4,
    )
    assert dataset.element_spec[0].shape.as_list() == [None, 2, 2, 2, 3]


def test_bad_files_share_one_budget(manifests):
    manifests["faces"].loc[0, "path"] = "gone.npy"
    found = BadFiles(17, budget=0.1)
    dataset = make_mixed_dataset(manifests, ["age"], bad_files=found, batch_size=4, **OPTIONS)
    assert 0 not in np.concatenate(_batches(dataset))
    assert found.reasons == {"gone.npy": "no such file"}
    with pytest.raises(InputError, match="1 of 17 files cannot be used"):
        make_mixed_dataset(manifests, ["age"], **OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proportions": {"walks": 1}}, "give a number for each"),
        ({"proportions": {"walks": 1, "faces": 0}}, "'faces' must be above 0, got 0"),
        ({"proportions": {"walks": 99, "faces": 1}}, "no sample of 'faces'"),
        ({"tasks": ["mood"]}, "no manifest of .* the task 'mood'"),
        ({"clip": {"walks": "first(2)"}}, "not the manifest 'faces'"),
        ({"degrade": {"walks": "area(2)", "faces": "area(3)"}}, "different shapes"),
    ],
)
def test_unusable_options_are_named(manifests, options, message):
    options = {"tasks": ["age"], "batch_size": 4, **OPTIONS, **options}
    with pytest.raises(InputError, match=message):
        make_mixed_dataset(manifests, **options)


def test_class_names_must_agree(manifests):
    manifests["faces"]["action"] = 0
    manifests["walks"].attrs["classes"] = {"action": ["a", "b", "c"]}
    manifests["faces"].attrs["classes"] = {"action": ["a", "c", "b"]}
    with pytest.raises(InputError, match="number them alike"):
        make_mixed_dataset(manifests, ["action"], **OPTIONS)
