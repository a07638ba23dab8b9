"""A small LFW: two folds, seven people, twice two pairs a fold."""

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres import InputError, check_manifest, read_dataset
from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.datasets.alignment import align_face, face_points
from mtl_lowres.datasets.pairs import pair_rows

IMAGES = {"Ana_Sá": 3, "Bo": 2, "Cy": 1, "Dee_X": 2, "Eve": 2, "Flo": 1, "Gil": 1}
PAIRS = """2\t2
Ana_Sá\t1\t3
Bo\t1\t2
Ana_Sá\t2\tCy\t1
Bo\t2\tCy\t1
Dee_X\t1\t2
Eve\t1\t2
Dee_X\t1\tEve\t2
Eve\t1\tFlo\t1
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "Gesichter ü"
    for person, count in IMAGES.items():
        (root / "images" / person).mkdir(parents=True)
        for number in range(1, count + 1):
            (root / "images" / person / f"{person}_{number:04d}.jpg").write_bytes(b"")
    (root / "pairs.txt").write_text(PAIRS, encoding="utf-8")
    return root


def _image(folder, person, number):
    return str(folder / "images" / person / f"{person}_{number:04d}.jpg")


def test_images(folder):
    manifest = read_dataset("lfw", folder)
    assert manifest["path"].tolist() == [
        _image(folder, person, number)
        for person, count in IMAGES.items()
        for number in range(1, count + 1)
    ]
    assert manifest.groupby("subject")["identity"].unique().map(list).tolist() == [
        [number] for number in range(7)
    ]
    assert manifest.attrs["classes"] == {"identity": list(IMAGES)}
    folds = manifest.groupby("subject")["fold"].first().to_dict()
    assert pd.isna(folds.pop("Gil"))  # in no pair
    assert folds == {"Ana_Sá": 1, "Bo": 1, "Cy": 1, "Dee_X": 2, "Eve": 2, "Flo": 2}
    assert manifest["fold"].isna().sum() == 1 and manifest["fold"].dtype == "Int64"
    assert "split" not in manifest


def test_pairs_in_the_order_of_the_file(folder, tmp_path):
    manifest = read_dataset("lfw", folder, pairs=True)
    first, second = pair_rows(manifest)
    subjects, paths = manifest["subject"].to_numpy(), manifest["path"].to_numpy()
    assert paths[first[0]] == _image(folder, "Ana_Sá", 1)
    assert paths[second[0]] == _image(folder, "Ana_Sá", 3)
    assert (paths[first[7]], paths[second[7]]) == (
        _image(folder, "Eve", 1),
        _image(folder, "Flo", 1),
    )
    assert manifest["same"].tolist()[::2] == [1, 1, 0, 0] * 2
    assert manifest["fold"].tolist()[::2] == [1] * 4 + [2] * 4
    assert (
        (subjects[first] == subjects[second]) == (manifest["same"].to_numpy()[first] == 1)
    ).all()
    write_manifest(manifest, tmp_path / "pairs.csv")
    again = read_manifest(tmp_path / "pairs.csv")
    assert again.drop(columns="path").equals(manifest.drop(columns="path"))
    np.testing.assert_array_equal(pair_rows(again), (first, second))


def test_splits_by_fold_and_names_of_train_alone(folder):
    manifest = read_dataset("lfw", folder, test_folds=1)
    split = manifest.groupby("subject")["split"].first()
    assert split.to_dict() == {
        **dict.fromkeys(["Ana_Sá", "Bo", "Cy"], "test"),
        **dict.fromkeys(["Dee_X", "Eve", "Flo", "Gil"], "train"),
    }
    assert manifest.attrs["classes"] == {"identity": ["Dee_X", "Eve", "Flo", "Gil"]}
    assert manifest["identity"].isna().tolist() == (manifest["split"] == "test").tolist()
    check_manifest(manifest)
    pairs = read_dataset("lfw", folder, pairs=True, test_folds=(1,), val_folds=[2])
    assert pairs["split"].tolist() == ["test"] * 8 + ["val"] * 8


def test_original_layout_without_the_folder_images(folder):
    expected = read_dataset("lfw", folder)["subject"].tolist()
    for person in list((folder / "images").iterdir()):
        person.rename(folder / person.name)
    (folder / "images").rmdir()
    assert read_dataset("lfw", folder)["subject"].tolist() == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Bo\t1\t2", "Bob\t1\t2", r"pairs.txt line 3: there is no person 'Bob' in .*images"),
        ("Bo\t1\t2", "Bo\t1\t9", r"line 3: there is no image Bo/Bo_0009.jpg in .*images"),
        ("Bo\t1\t2", "Bo\t1", r"line 3: 'Bo\\t1' is not `name i j`"),
        ("Bo\t1\t2", "Bo\tone\t2", "line 3: .* is not `name i j`"),
        ("Bo\t1\t2", "Bo\t1\tBo\t2", "line 3: .* is not `name i j`"),
        ("Bo\t2\tCy\t1", "Ana_Sá\t1\t2", r"fold 1 \(lines 2 to 5\) has 3 pairs of one .* says 2"),
        ("2\t2\n", "10\t300\n", "line 1: says 10 folds of twice 300 .* 6000 lines, but 8 follow"),
        ("2\t2\n", "Bo\t2\n", r"line 1: 'Bo\\t2' is not the number of folds"),
        ("2\t2\n", "0\t2\n", r"line 1: '0\\t2' is not the number of folds"),
    ],
)
def test_pairs_that_cannot_be_used(folder, old, new, message):
    assert PAIRS.count(old) == 1
    (folder / "pairs.txt").write_text(PAIRS.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        read_dataset("lfw", folder, pairs=True)
    assert "\n" not in str(error.value)


def test_a_fold_of_one_kind(folder):
    lines = PAIRS.splitlines()
    lines[3:5] = ["Ana_Sá\t1\t2", "Ana_Sá\t2\t3"]
    (folder / "pairs.txt").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match="fold 1 .* has 4 pairs of one person and 0 of two"):
        read_dataset("lfw", folder)


def test_splits_may_not_share_a_person(folder):
    shared = PAIRS.replace("Eve\t1\tFlo\t1", "Eve\t1\tBo\t1")
    (folder / "pairs.txt").write_text(shared, encoding="utf-8")
    assert len(read_dataset("lfw", folder, pairs=True)) == 16
    message = r"line 9: 'Bo' is in fold 2, which is train, and in fold 1 \(line 3\), which is test"
    with pytest.raises(InputError, match=message):
        read_dataset("lfw", folder, test_folds=1)


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match=r"test_folds=\(1, 3\): there is no fold 3: give 1 to 2"):
        read_dataset("lfw", folder, test_folds=(1, 3))
    with pytest.raises(InputError, match="val_folds=1: fold 1 is also test"):
        read_dataset("lfw", folder, test_folds=(1, 2), val_folds=1)
    with pytest.raises(InputError, match="has no image called <Name>/<Name>_<nnnn>.jpg"):
        read_dataset("lfw", tmp_path / "absent")
    with pytest.raises(InputError, match="landmarks.csv: cannot be read"):
        read_dataset("lfw", folder, aligned=tmp_path / "chips")
    (folder / "landmarks.csv").write_text("Bo/Bo_0001.jpg,1,2,3,4,5,6,7,8\n")
    with pytest.raises(InputError, match=r"landmarks.csv line 1: .* is not a name and five points"):
        read_dataset("lfw", folder, aligned=tmp_path / "chips")
    (folder / "pairs.txt").unlink()
    with pytest.raises(InputError, match=r"pairs.txt: cannot be read .*: put pairs.txt there"):
        read_dataset("lfw", folder)


def test_aligned_pairs_are_of_the_images_named_there(folder, tmp_path):
    rng, lines = np.random.default_rng(0), []
    points = face_points(size=(112, 96)) + (3, -2)
    for file in sorted((folder / "images").glob("*/*.jpg")):
        image = rng.integers(0, 256, (120, 110, 3), np.uint8)
        file.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        lines.append(",".join([f"{file.parent.name}/{file.name}", *map(str, points.ravel())]))
    (folder / "landmarks.csv").write_text("\n".join(lines), encoding="utf-8")
    chips = tmp_path / "chips ö"
    manifest = read_dataset("lfw", folder, pairs=True, aligned=chips, aligned_size=(112, 96))
    assert manifest["path"][1] == str(chips / "Ana_Sá" / "Ana_Sá_0003.jpg.png")
    assert not (chips / "Gil").exists()
    image = cv2.imdecode(np.fromfile(_image(folder, "Bo", 1), np.uint8), cv2.IMREAD_COLOR)
    chip = cv2.imdecode(np.fromfile(chips / "Bo/Bo_0001.jpg.png", np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(chip, align_face(image, points, size=(112, 96)))


def test_released_data(data_dir):
    """View 2: 10 folds of 300 + 300 pairs, 4,281 people, 7,701 images, no person in two folds."""
    manifest = read_dataset("lfw", data_dir / "lfw", test_folds=range(1, 6), val_folds=6)
    assert len(manifest) == 7701 and manifest["subject"].nunique() == 4281
    assert manifest["fold"].notna().all()
    check_manifest(manifest, files=False)
    pairs = read_dataset("lfw", data_dir / "lfw", pairs=True)
    counts = pairs.groupby(["fold", "same"]).size()
    assert len(counts) == 20 and (counts == 600).all()
