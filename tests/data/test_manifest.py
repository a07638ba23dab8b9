"""Manifests: what is read, what is refused and in which words."""

import re

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.manifest import (
    check_manifest,
    read_manifest,
    summarise_manifest,
    task_classes,
    write_manifest,
)
from mtl_lowres.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """A folder with a space and non-ASCII letters that holds a.png, "b c.png", "d,e.png", ü.png."""
    folder = tmp_path / "meine Bilder 写真"
    folder.mkdir()
    for name in ("a.png", "b c.png", "d,e.png", "ü.png"):
        (folder / name).write_bytes(b"x")
    return folder


def write(folder, text, encoding="utf-8"):
    csv = folder / "m.csv"
    csv.write_bytes(text.encode(encoding))
    return csv


def refused(function, *args, **kwargs):
    """The message of the InputError, which must be one line."""
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_read_types_and_paths(folder):
    csv = write(
        folder,
        "path,start,stop,subject,split,posture,age,camera,note\n"
        'a.png,0,10,007,train,3.0,31,01,"x, y"\n'
        f"{folder}/b c.png,,,7,,,,02,NA\n"
        '"d,e.png",5,9,ann,test,0,20.5,03,\n',
    )
    manifest = read_manifest(csv)
    names = ["a.png", "b c.png", "d,e.png"]
    assert manifest["path"].tolist() == [str(folder / name) for name in names]
    assert manifest["subject"].tolist() == ["007", "7", "ann"]
    assert manifest["posture"].dtype == manifest["start"].dtype == "Int64"
    assert manifest["posture"].isna().tolist() == [False, True, False]
    assert manifest["posture"].dropna().tolist() == [3, 0]
    assert manifest["age"].dtype == "float64" and manifest["age"].iloc[2] == 20.5
    assert manifest["camera"].tolist() == ["01", "02", "03"]
    assert manifest["note"].tolist()[:2] == ["x, y", "NA"] and manifest["note"].isna().iloc[2]
    assert manifest["split"].isna().tolist() == [False, True, False]
    check_manifest(manifest, [], files=True)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_byte_order_mark_and_blank_lines(folder, end, mark):
    lines = ["path,posture", "a.png,0", "", "ü.png,1", ""]
    manifest = read_manifest(write(folder, mark + end.join(lines)))
    assert manifest["posture"].tolist() == [0, 1]
    manifest["posture"] = pd.array([0, -1], "Int64")
    assert "line 4" in refused(check_manifest, manifest, ["posture"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path;posture\na.png;0\n", "separated by ';': save it with commas"),
        ("path\tposture\na.png\t0\n", r"separated by '\\t'"),
        ("file,posture\na.png,0\n", r"no column 'path', only \['file', 'posture'\]"),
        ("", r"no column 'path'"),
        ("path,a,a\nx,1,2\n", "column 'a' is there twice"),
        ("path,posture\na.png,0\n,1\n", "line 3: the path is empty"),
        ("path,posture\na.png,0\nb.png,1,2\n", "line 3.*double quotes"),
    ],
)
def test_files_that_cannot_be_read(folder, text, message):
    csv = write(folder, text)
    error = refused(read_manifest, csv)
    assert re.search(message, error) and str(csv) in error


def test_other_encodings_and_missing_files_are_named(folder):
    assert "UTF-8" in refused(read_manifest, write(folder, "path\nü.png\n", "latin-1"))
    assert "UTF-8" in refused(read_manifest, write(folder, "path\nü.png\n", "utf-16"))
    assert "no such file" in refused(read_manifest, folder / "none.csv")
    assert "cannot be read" in refused(read_manifest, folder)


@pytest.mark.parametrize("text", ['["a"]', '{"posture": 3}', "{"])
def test_broken_class_names_are_named(folder, text):
    csv = write(folder, "path,posture\na.png,0\n")
    (folder / "m.classes.json").write_text(text)
    assert "m.classes.json" in refused(read_manifest, csv)


def test_write_then_read_gives_the_same(folder):
    manifest = pd.DataFrame(
        {
            "path": [str(folder / "a.png"), str(folder / "d,e.png"), "/elsewhere/ü b.png"],
            "start": pd.array([0, None, 3], "Int64"),
            "subject": ["007", None, "ann"],
            "split": ["train", None, "test"],
            "posture": pd.array([1, None, 0], "Int64"),
            "age": [31.25, np.nan, 0.1 + 0.2],
            "note": ["NA", 'with "quotes", comma', None],
        }
    )
    manifest.attrs["classes"] = {"posture": ["stehend", "座る"]}
    csv = folder / "m.csv"
    write_manifest(manifest, csv)
    assert csv.read_text(encoding="utf-8").splitlines()[1].startswith("a.png,0,007")
    back = read_manifest(csv)
    pd.testing.assert_frame_equal(back, manifest, check_dtype=False)
    assert back.attrs["classes"] == manifest.attrs["classes"]
    first = csv.read_bytes()
    write_manifest(back, csv)
    assert csv.read_bytes() == first
    manifest.attrs.clear()
    write_manifest(manifest, csv)
    assert "classes" not in read_manifest(csv).attrs
    assert sorted(p.name for p in folder.iterdir() if "m." in p.name) == ["m.csv"]


def test_a_folder_can_move_with_its_manifest(folder):
    write_manifest(pd.DataFrame({"path": [str(folder / "a.png")]}), folder / "m.csv")
    moved = folder.rename(folder.with_name("moved"))
    check_manifest(read_manifest(moved / "m.csv"), [])


@pytest.mark.parametrize("value", ["3.5", "walk", "-1", "inf", "nan"])
def test_wrong_labels_name_row_value_and_remedy(folder, value):
    manifest = read_manifest(write(folder, f"path,posture\na.png,0\nb c.png,\nü.png,{value}\n"))
    message = refused(check_manifest, manifest, ["posture"])
    assert (
        "m.csv line 4" in message and repr(value) in message and "leave the cell empty" in message
    )


def test_rows_of_a_frame_are_named_by_position():
    manifest = pd.DataFrame({"path": ["a", "b"], "posture": [0, -2]}, index=[70, 80])
    assert "manifest row 1 (counting from 0): posture is '-2'" in refused(
        check_manifest, manifest, ["posture"], files=False
    )


def test_filtered_rows_keep_their_line(folder):
    manifest = read_manifest(write(folder, "path,posture\na.png,0\nb c.png,1\nü.png,-4\n"))
    assert "line 4" in refused(check_manifest, manifest[manifest["posture"] != 0], ["posture"])


def test_labels_beyond_the_class_names(folder):
    manifest = pd.DataFrame({"path": ["a", "b"], "posture": [0, 2]})
    manifest.attrs["classes"] = {"posture": ["x", "y"]}
    message = refused(check_manifest, manifest, files=False)
    assert "'2'" in message and "0 to 1" in message


def test_continuous_labels():
    manifest = pd.DataFrame({"path": ["a", "b"], "age": [20.5, -1], "height": [1.7, np.nan]})
    check_manifest(manifest, ["age"], files=False)
    assert "'1.7'" in refused(check_manifest, manifest, ["height"], files=False)
    check_manifest(manifest, ["age", "height"], files=False, continuous=("age", "height"))
    manifest["age"] = ["20", "old"]
    assert "'old', which is not a number" in refused(check_manifest, manifest, ["age"], files=False)


def frame(**columns):
    count = len(next(iter(columns.values())))
    return pd.DataFrame({"path": [f"{i}.png" for i in range(count)], **columns})


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (frame(posture=[]), "the manifest is empty"),
        (frame(pose=[0]), "no column 'posture', only ['path', 'pose']"),
        (pd.DataFrame({"posture": [0]}), "no column 'path'"),
        (frame(posture=[None, None]), "no row has a label of the task 'posture'"),
        (frame(posture=[0, 1], split=["train", "dev"]), "row 1 (counting from 0): unknown split"),
        (frame(posture=[0, 1], split=["train", "val"]), "row 1 (counting from 0): class 1 of post"),
        (frame(posture=[0, 2], split=["train"] * 2), "class 1 of posture has no row in train"),
        (
            frame(posture=[0, 0, 0], split=["train", "val", "val"], subject=["a", "b", "a"]),
            "row 2 (counting from 0): subject 'a' is in val but in train in manifest row 0",
        ),
    ],
)
def test_wrong_manifests(manifest, message):
    assert message in refused(check_manifest, manifest, ["posture"], files=False)


def test_sound_manifests_pass():
    check_manifest(frame(posture=[0]), ["posture"], files=False)
    check_manifest(frame(posture=[0, 1, 1], split=["train", "train", "val"]), files=False)
    missing = frame(posture=[0, None], split=["train", None], subject=["a", None])
    check_manifest(missing, ["posture"], files=False)
    only_test = frame(posture=[1, 3], split=["test", "test"])
    check_manifest(only_test, ["posture"], files=False)


def test_same_file_with_two_labels_names_both_rows():
    manifest = frame(posture=pd.array([0, 1, 2, None], "Int64"))
    manifest["path"] = ["a", "b", "a", "a"]
    message = refused(check_manifest, manifest, ["posture"], files=False)
    assert "row 2 (counting from 0): posture is 2 but 0 in manifest row 0" in message
    manifest.loc[2, "posture"] = 0
    check_manifest(manifest, ["posture"], files=False)
    clips = frame(posture=[0, 1], start=[0, 10], stop=[10, 20]).assign(path="clip.avi")
    check_manifest(clips, ["posture"], files=False)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"start": [0, -1]}, "row 1 (counting from 0): start is '-1', which is not a whole number"),
        ({"start": [0.5, None]}, "start is '0.5'"),
        ({"stop": ["end", None]}, "stop is 'end'"),
        ({"stop": [3, 0]}, "row 1 (counting from 0): stop 0 is not after start 0"),
        (
            {"start": [3, 4], "stop": [None, 4]},
            "row 1 (counting from 0): stop 4 is not after start",
        ),
    ],
)
def test_wrong_frames_are_named(columns, message):
    manifest = frame(posture=[0, 1], **columns)
    assert message in refused(check_manifest, manifest, ["posture"], files=False)


def test_sound_frames_pass():
    parts = {"start": pd.array([None, 3], "Int64"), "stop": pd.array([1, None], "Int64")}
    check_manifest(frame(posture=[0, 1], **parts), ["posture"], files=False)
    check_manifest(frame(posture=[0, 1], start=[None, None]), ["posture"], files=False)


def test_missing_files_are_named_and_counted(folder):
    manifest = read_manifest(write(folder, "path\na.png\nnone.png\nb c.png\nnor me.png\n"))
    message = refused(check_manifest, manifest)
    assert "line 3: no such file" in message and "none.png (and 1 more)" in message
    check_manifest(manifest, files=False)


def test_task_classes():
    manifest = frame(posture=[0, 4, None], action=[1, 0, 0], age=[3, 4, 5], none=[None] * 3)
    manifest.attrs["classes"] = {"action": ["a", "b", "c"]}
    counts = task_classes(manifest, ["posture", "action", "age", "none"])
    assert counts == {"posture": 5, "action": 3, "none": 0}


def test_summary_counts_rows_people_and_labels():
    manifest = frame(posture=[0, 1, None, 2], subject=["a", "a", "b", None], start=[0] * 4)
    table = summarise_manifest(manifest.assign(split=["test", "train", "train", None]))
    assert table.to_dict("list") == {
        "split": ["train", "test", "none"],
        "rows": [2, 1, 1],
        "subjects": [2, 1, 0],
        "posture": [1, 1, 1],
    }
    assert summarise_manifest(manifest[["path", "posture"]]).to_dict("records") == [
        {"split": "all", "rows": 4, "posture": 3}
    ]


def test_files_of_stored_flow_are_relative_to_the_csv_too(tmp_path):
    csv = tmp_path / "größe" / "a.csv"
    csv.parent.mkdir()
    csv.write_text("path,flow,action\nclips/a.avi,flow/a.npy,0\nclips/b.avi,,1\n", "utf-8")
    manifest = read_manifest(csv)
    assert manifest["flow"][0] == str(csv.parent / "flow" / "a.npy")
    assert pd.isna(manifest["flow"][1])
    again = csv.with_name("b.csv")
    write_manifest(manifest, again)
    assert again.read_text("utf-8") == csv.read_text("utf-8")
    np.testing.assert_array_equal(read_manifest(again)["path"], manifest["path"])
