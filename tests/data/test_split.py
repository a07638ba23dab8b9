"""Who is held out is no class of a task; identity is tested on held-out clips."""

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.manifest import check_manifest
from mtl_lowres.data.split import (
    forget_held_out_people,
    hold_out_clips,
    leave_one_subject_out,
    split_by_subject,
)
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


def people(count=20, rows=6, classes=3):
    """`count` people; of each class everybody has some rows, one in four has class 2 only."""
    table = [
        (f"p{person}", 2 if person % 4 == 0 else row % classes)
        for person in range(count)
        for row in range(rows)
    ]
    manifest = pd.DataFrame(table, columns=["subject", "posture"])
    return manifest.assign(path=[f"{i}.png" for i in range(len(manifest))])


def parts_of_people(manifest):
    parts = manifest.groupby("subject")["split"].unique()
    assert (parts.str.len() == 1).all()
    return parts.str[0]


@pytest.mark.parametrize("seed", range(3))
def test_split_keeps_people_whole_and_fractions_and_labels_even(seed):
    manifest = split_by_subject(people(), val=0.2, test=0.1, seed=seed, task="posture")
    assert parts_of_people(manifest).value_counts().to_dict() == {"train": 14, "val": 4, "test": 2}
    check_manifest(manifest, ["posture"], files=False)
    shares = manifest[manifest["split"] == "val"]["posture"].value_counts(normalize=True)
    # Everywhere: class 2 has 1/4 + 3/4 * 1/3 = 1/2; val of four people can hit that exactly.
    assert shares[2] == 0.5 and shares[0] == shares[1] == 0.25


def test_split_is_determined_by_the_seed_and_leaves_its_input_alone():
    table = people()
    first = split_by_subject(table, seed=1)["split"]
    assert "split" not in table
    assert first.equals(split_by_subject(table, seed=1)["split"])
    assert any(not first.equals(split_by_subject(table, seed=s)["split"]) for s in (2, 3, 4))
    shuffled = split_by_subject(table.sample(frac=1, random_state=0), seed=1)["split"].sort_index()
    assert first.equals(shuffled)


def test_split_keeps_rare_classes_in_train():
    """Class 1 is shown by two people only, so at most one of them may leave train."""
    manifest = people(10, classes=1).assign(posture=0)
    manifest.loc[manifest["subject"].isin(["p3", "p4"]), "posture"] = 1
    for seed in range(5):
        split = split_by_subject(manifest, val=0.5, seed=seed, task="posture")
        assert (split[split["posture"] == 1]["split"] == "train").any()


def test_a_released_split_is_left_alone():
    manifest = people(8)
    manifest["split"] = np.where(manifest["subject"].isin(["p6", "p7"]), "test", "train")
    manifest.loc[manifest["subject"] == "p0", "split"] = None
    manifest.attrs["classes"] = {"posture": ["a", "b", "c"]}
    new = split_by_subject(manifest, val=0.34, seed=0, task="posture")
    parts = parts_of_people(new)
    assert parts[["p6", "p7"]].tolist() == ["test", "test"]
    assert parts.drop(["p6", "p7"]).value_counts().to_dict() == {"train": 4, "val": 2}
    assert new.attrs == manifest.attrs


def test_split_takes_numbers_as_subjects_and_missing_labels():
    manifest = people(4)
    manifest["subject"] = manifest["subject"].str[1:].astype(int)
    manifest["posture"] = manifest["posture"].astype("Int64").where(manifest.index > 3)
    parts = parts_of_people(split_by_subject(manifest, val=0.25, task="posture"))
    assert parts.value_counts().to_dict() == {"train": 3, "val": 1}


@pytest.mark.parametrize(
    ("manifest", "options", "message"),
    [
        (people().drop(columns="subject"), {}, "no column 'subject'"),
        (people(1), {}, "1 people cannot be split into 1 for val"),
        (people(2), {"test": 0.2}, "2 people cannot be split"),
        (people(), {"val": 1.0}, "val=1.0"),
        (people(), {"val": -0.1}, "val=-0.1"),
        (people(), {"val": 0.0}, "val=0.0 and test=0.0"),
        (people(), {"task": "action"}, "no column 'action'"),
        (people().replace({"subject": {"p3": None}}), {}, "row 18 (counting from 0): has no subj"),
        (people(3).assign(split=["train"] * 9 + ["test"] * 9), {}, "subject 'p1' is also in val"),
    ],
)
def test_splits_that_cannot_be(manifest, options, message):
    with pytest.raises(InputError) as error:
        split_by_subject(manifest, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_everybody_is_tested_once():
    manifest = people(3, rows=2).assign(split="val")
    folds = leave_one_subject_out(manifest)
    assert {name: fold["split"].tolist() for name, fold in folds.items()} == {
        "p0": ["test"] * 2 + ["train"] * 4,
        "p1": ["train"] * 2 + ["test"] * 2 + ["train"] * 2,
        "p2": ["train"] * 4 + ["test"] * 2,
    }
    assert (manifest["split"] == "val").all()


def test_a_person_can_be_left_out_altogether():
    (name, fold), *others = leave_one_subject_out(people(3, rows=1), [("p0", "p2")]).items()
    assert (name, others) == ("p2-without-p0", [])
    assert dict(zip(fold["subject"], fold["split"], strict=True)) == {"p1": "train", "p2": "test"}


def test_rows_without_a_subject_train_nobody():
    manifest = people(2, rows=1).assign(subject=["p0", None])
    with pytest.raises(InputError, match="row 1 .*has no subject"):
        leave_one_subject_out(manifest)


@pytest.mark.parametrize(
    ("manifest", "pairs", "message"),
    [
        (people(2).drop(columns="subject"), None, "no column 'subject'"),
        (people(1), None, "1 people"),
        (people(2), [(None, "p7")], "'p7'"),
        (people(2), [("p0", "p1")], "leaves nobody to train"),
    ],
)
def test_people_who_cannot_be_left_out(manifest, pairs, message):
    with pytest.raises(InputError, match=message):
        leave_one_subject_out(manifest, pairs)
