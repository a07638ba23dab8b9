"""Who is held out is no class of a task; identity is tested on held-out clips."""

import pandas as pd
import pytest

from mtl_lowres.data.manifest import check_manifest
from mtl_lowres.data.split import forget_held_out_people, hold_out_clips
from mtl_lowres.errors import InputError


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


def _clips(people=3, clips=10):
    """Ten clips for each of three train people, all tasks labelled, and two of a test person."""
    rows = [(f"p{p}", f"{p}-{c}.avi", p, c % 2, 30.5) for p in range(people) for c in range(clips)]
    table = pd.DataFrame(rows, columns=["subject", "path", "identity", "action", "age"])
    held_out = pd.DataFrame({"subject": "x", "path": ["x1.avi", "x2.avi"], "action": [0, 1]})
    table = pd.concat([table.assign(split="train"), held_out.assign(split="test")])
    table = table.reset_index(drop=True).astype({"identity": "Int64", "action": "Int64"})
    table.attrs["classes"] = {"identity": ["a", "b", "c"], "action": ["sit", "lie"]}
    return table


def test_clips_held_out_keep_the_identity_alone():
    before = _clips()
    after = hold_out_clips(before, val=0.1, test=0.2)
    people = after[after["identity"].notna()]
    counts = people.groupby(["subject", "split"]).size().unstack()
    assert counts.to_dict("list") == {"test": [2] * 3, "train": [7] * 3, "val": [1] * 3}
    moved = people["split"] != "train"
    assert people.loc[moved, ["action", "age"]].isna().all(axis=None)
    assert people.loc[~moved, ["action", "age"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(after.tail(2), before.tail(2), check_dtype=False)
    assert after.attrs == before.attrs and after["action"].dtype == "Int64"
    pd.testing.assert_frame_equal(before, _clips())
    again = hold_out_clips(before, val=0.1, test=0.2)["split"]
    assert again.equals(after["split"])
    assert not hold_out_clips(before, val=0.1, test=0.2, seed=1)["split"].equals(again)


@pytest.mark.parametrize("tasks", [["identity", "action", "age"], ["action"], ["identity"]])
def test_such_a_split_is_sound_and_a_leak_of_another_task_is_not(tasks):
    manifest = hold_out_clips(_clips())
    check_manifest(manifest, tasks, files=False)
    at = manifest.index[(manifest["split"] == "val")][0]
    manifest.loc[at, "action"] = 0
    if "action" in tasks:
        with pytest.raises(InputError, match=f"row {at} .*subject 'p0' is in val but in train"):
            check_manifest(manifest, tasks, files=False)
    else:
        check_manifest(manifest, tasks, files=False)


def test_few_clips_leave_one_in_train_and_rows_of_one_clip_stay_together():
    one = hold_out_clips(_clips(clips=1))
    assert (one["split"] == _clips(clips=1)["split"]).all()
    two = hold_out_clips(_clips(clips=2)).query("identity == 0")["split"]
    assert sorted(two) == ["test", "train"]
    twice = pd.concat([_clips()] * 2, ignore_index=True)
    parts = hold_out_clips(twice).groupby("path")["split"].nunique()
    assert (parts == 1).all()
    parts = hold_out_clips(_clips().drop(columns="split"), tasks=["action"])
    assert parts["split"].value_counts().to_dict() == {"train": 23, "test": 6, "val": 3}
    assert parts["age"].notna().sum() == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val": 0.0, "test": 0.0}, "val=0.0 and test=0.0"),
        ({"val": 0.5, "test": 0.5}, "below 1"),
        ({"task": "name"}, "no column 'name'"),
        ({"tasks": ["mood"]}, "no column 'mood'"),
    ],
)
def test_clips_that_cannot_be_held_out(options, message):
    with pytest.raises(InputError, match=message):
        hold_out_clips(_clips(), **options)
    with pytest.raises(InputError, match="no row in train has a label of 'identity'"):
        hold_out_clips(_clips().query("split == 'test'"))
