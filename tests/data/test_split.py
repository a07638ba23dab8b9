"""People held out are no classes of the tasks that name people."""

import pandas as pd

from mtl_lowres.data.split import forget_held_out_people


def _manifest():
    table = pd.DataFrame(
        {
            "subject": ["a", "a", "b", "c", "d"],
            "split": ["train", "train", "val", "train", "test"],
            "identity": pd.array([0, 0, 1, 2, None], "Int64"),
            "posture": pd.array([0, 1, 1, None, 0], "Int64"),
        }
    )
    table.attrs["classes"] = {"identity": ["Anna", "Ben", "Chloé"], "posture": ["sit", "lie"]}
    return table


def test_classes_of_train_people_are_numbered_without_a_gap():
    manifest = forget_held_out_people(_manifest(), ["posture", "identity"])
    assert manifest["identity"].tolist() == [0, 0, pd.NA, 1, pd.NA]
    assert manifest["identity"].dtype == "Int64"
    assert manifest.attrs["classes"] == {"identity": ["Anna", "Chloé"], "posture": ["sit", "lie"]}


def test_tasks_that_name_no_people_stay():
    before = _manifest()
    after = forget_held_out_people(before, ["posture"])
    pd.testing.assert_frame_equal(before, after)
    assert after.attrs == before.attrs


def test_the_original_is_unchanged():
    manifest = _manifest()
    forget_held_out_people(manifest, ["identity"])
    pd.testing.assert_frame_equal(manifest, _manifest())
    assert manifest.attrs == _manifest().attrs
