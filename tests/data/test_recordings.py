"""Copies of images, people who are the same recordings, and splits that keep recordings apart."""

import pandas as pd
import pytest

from mtl_lowres.data.recordings import distinct_recordings, split_recordings
from mtl_lowres.datasets import read_dataset
from mtl_lowres.errors import InputError


def _files(folder, contents: dict[str, str]) -> pd.DataFrame:
    """Write a file for each `person-number` and return a manifest of them."""
    rows = []
    for name, content in contents.items():
        path = folder / f"ü {name}.jpg"
        path.write_text(content)
        rows.append((str(path), name.split("-")[0]))
    return pd.DataFrame(rows, columns=["path", "subject"])


def test_people_who_share_most_images_become_one(tmp_path):
    manifest = _files(
        tmp_path,
        # a and b share two of b's three images, c and d one of four; c-4 is a copy of c-3.
        {"a-1": "1", "a-2": "2", "a-3": "3", "a-4": "4", "b-1": "1", "b-2": "2", "b-3": "5"}
        | {"c-1": "6", "c-2": "7", "c-3": "8", "c-4": "8", "c-5": "9"}
        | {"d-1": "6", "d-2": "a", "d-3": "b", "d-4": "c"},
    )
    manifest.attrs["classes"] = {"posture": ["sit"]}
    rows, found = distinct_recordings(manifest)
    assert found == {"joined": ["a+b"], "copies": 3, "of_several_people": 2}
    assert rows["subject"].value_counts().to_dict() == {"a+b": 5, "c": 3, "d": 3}
    assert "ü c-4" not in "".join(rows["path"]) and "ü c-3" in "".join(rows["path"])
    assert rows.index.tolist() == list(range(11)) and rows.attrs == manifest.attrs
    assert len(manifest) == 16


def test_joining_is_transitive_and_needs_the_share(tmp_path):
    contents = {"a-1": "1", "a-2": "2", "b-1": "2", "b-2": "3", "c-1": "3", "c-2": "4"}
    rows, found = distinct_recordings(_files(tmp_path, contents))
    assert found["joined"] == ["a+b+c"] and len(rows) == 4
    rows, found = distinct_recordings(_files(tmp_path, contents), share=0.6)
    assert found == {"joined": [], "copies": 0, "of_several_people": 4}
    assert sorted(rows["subject"]) == ["a", "c"]


def test_clips_of_one_file_are_different_and_a_missing_file_is_like_no_other(tmp_path):
    (tmp_path / "a.avi").write_text("frames")
    table = pd.DataFrame(
        {
            "path": [str(tmp_path / name) for name in ("a.avi", "a.avi", "a.avi", "b", "c")],
            "start": pd.array([0, 5, 5, 0, 0], "Int64"),
            "subject": ["p", "p", "p", "q", "r"],
        }
    )
    rows, found = distinct_recordings(table)
    assert rows["start"].tolist() == [0, 5, 0, 0] and found["copies"] == 1


def test_people_must_be_known():
    with pytest.raises(InputError, match="no column 'subject'"):
        distinct_recordings(pd.DataFrame({"path": ["a"]}))
    with pytest.raises(InputError, match="row 1 has no subject"):
        distinct_recordings(pd.DataFrame({"path": ["a", "b"], "subject": ["p", None]}))


def test_released_tip38(data_dir):
    rows, found = distinct_recordings(read_dataset("tip38", data_dir / "tip38"))
    assert found == {"joined": ["110+113"], "copies": 160, "of_several_people": 30}
    assert rows.groupby("split")["subject"].nunique().to_dict() == {"test": 5, "train": 17}
    assert (rows["split"] == "test").sum() == 950


def _manifest(values=10, people=4, frames=3):
    rows = [
        (f"{p}-{v}-{f}.png", p, v)
        for p in range(people)
        for v in range(values)
        for f in range(frames)
    ]
    table = pd.DataFrame(rows, columns=["path", "identity", "posture"])
    table.attrs["classes"] = {"identity": list("abcd")}
    return table.astype({"identity": "Int64", "posture": "Int64"})


def test_every_value_is_tested_once_but_those_of_val_never():
    manifest = _manifest()
    sides = {}
    for fold in range(3):
        rows = split_recordings(manifest, "posture", folds=3, fold=fold, val=0.2)
        assert len(rows) == len(manifest) and rows.attrs == manifest.attrs
        assert (rows.groupby("posture")["split"].nunique() == 1).all()
        for split, part in rows.groupby("split"):
            assert part["identity"].nunique() == 4
            sides.setdefault(split, []).append(set(part["posture"]))
    assert len(sides["val"][0]) == 2 and sides["val"][0] == sides["val"][1] == sides["val"][2]
    tested = [value for fold in sides["test"] for value in fold]
    assert sorted([*tested, *sides["val"][0]]) == list(range(10))
    again = split_recordings(manifest, "posture", fold=0, val=0.2)
    assert again.equals(split_recordings(manifest, "posture", fold=0, val=0.2))
    other = split_recordings(manifest, "posture", fold=0, val=0.2, seed=1)
    assert not again["split"].equals(other["split"])


def test_everybody_is_in_train_even_with_recordings_of_their_own():
    # Each of six people has three recordings that nobody else is in.
    manifest = _manifest(values=3, people=6).assign(
        recording=lambda table: table["identity"] * 3 + table["posture"]
    )
    for fold in range(2):
        rows = split_recordings(manifest, "recording", folds=2, fold=fold, val=0)
        assert set(rows["split"]) == {"train", "test"}
        assert rows[rows["split"] == "train"]["identity"].nunique() == 6


def test_rows_without_a_value_are_left_out():
    manifest = _manifest()
    manifest.loc[:5, "posture"] = pd.NA
    manifest.loc[6:8, "identity"] = pd.NA
    assert len(split_recordings(manifest, "posture")) == len(manifest) - 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"apart": "pose"}, "no column 'pose'"),
        ({"apart": "posture", "task": "who"}, "no column 'who'"),
        ({"apart": "posture", "folds": 1}, "folds=1, fold=0"),
        ({"apart": "posture", "fold": 3}, "fold=3"),
        ({"apart": "posture", "val": 1}, "val=1"),
        ({"apart": "posture", "folds": 10}, "posture has 10 values, too few for 2 .* 10 folds"),
    ],
)
def test_splits_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        split_recordings(_manifest(), **options)
