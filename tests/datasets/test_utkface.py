import cv2
import numpy as np
import pytest

from mtl_lowres import InputError, check_manifest, read_dataset
from mtl_lowres.datasets.alignment import align_face, face_points

NAMES = [f"{age}_{age % 2}_{age % 5}_2017011{age % 10}000000.jpg.chip.jpg" for age in range(1, 21)]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "Gesichter ü"
    root.mkdir()
    for name in NAMES:
        (root / name).write_bytes(b"")
    return root


def test_labels_are_those_of_the_names(folder):
    manifest = read_dataset("utkface", folder, split=None)
    assert sorted(manifest["path"]) == sorted(str(folder / name) for name in NAMES)
    assert manifest["age"].dtype == "float64" and manifest["race"].dtype == "Int64"
    for row in manifest.itertuples():
        age = int(row.age)
        assert row.path == str(folder / NAMES[age - 1])
        assert (row.gender, row.race) == (age % 2, age % 5)
    assert manifest.attrs["classes"] == {
        "gender": ["male", "female"],
        "race": ["White", "Black", "Asian", "Indian", "Other"],
    }
    assert "split" not in manifest and "subject" not in manifest
    assert manifest.attrs["skipped"] == []


def test_split_is_a_permutation_of_the_sorted_names(folder):
    manifest = read_dataset("utkface", folder, seed=5)
    splits = dict(zip(manifest["path"], manifest["split"], strict=True))
    names = [sorted(NAMES)[i] for i in np.random.default_rng(5).permutation(20)]
    expected = ["train"] * 14 + ["val"] * 2 + ["test"] * 4
    assert [splits[str(folder / name)] for name in names] == expected


# The release has names with a field missing, with a blank before .jpg and without the dot.
@pytest.mark.parametrize(
    "name",
    [
        "61_1_20170109150557335.jpg.chip.jpg",
        "39_1__20170116174525125.jpg.chip.jpg",
        "30_2_1_20170116174525125.jpg",
        "30_1_5_20170116174525125.jpg",
        "200_1_1_20170116174525125.jpg",
        "_1_1_20170116174525125.jpg",
        "portrait.png",
    ],
)
def test_a_malformed_name_is_left_out_and_named(folder, name):
    (folder / name).write_bytes(b"")
    with pytest.warns(UserWarning, match=f"1 images are left out.*{name}"):
        manifest = read_dataset("utkface", folder)
    assert len(manifest) == len(NAMES)
    assert manifest.attrs["skipped"] == [str(folder / name)]


@pytest.mark.parametrize(
    "name",
    ["24_0_1_20170116220224657 .jpg.chip.jpg", "55_0_0_20170116232725357jpg.chip.jpg"],
)
def test_labels_do_not_depend_on_the_date(folder, name):
    (folder / name).write_bytes(b"")
    (folder / "readme.txt").write_bytes(b"")
    assert len(read_dataset("utkface", folder)) == len(NAMES) + 1


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match="has no image called <age>"):
        read_dataset("utkface", tmp_path / "absent")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "61_1_2017.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="the first is '61_1_2017.jpg': give the folder"):
        read_dataset("utkface", tmp_path / "other")
    with pytest.raises(InputError, match="sum to 1"):
        read_dataset("utkface", folder, split=(0.5, 0.2, 0.2))
    with pytest.raises(InputError, match="landmarks.csv: cannot be read"):
        read_dataset("utkface", folder, aligned=tmp_path / "chips")
    (folder / "again").mkdir()
    (folder / "again" / NAMES[0]).write_bytes(b"")
    with pytest.raises(InputError, match="has the name of"):
        read_dataset("utkface", folder)


def test_aligned_faces_keep_rows_and_split(folder, tmp_path):
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (100, 100, 3), np.uint8) for name in NAMES}
    for name, image in images.items():
        (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    points = ",".join(map(str, (face_points(100) + (2, 3)).ravel()))
    landmarks = tmp_path / "points.csv"
    landmarks.write_text("\n".join(f"{name},{points}" for name in NAMES[:15]))
    plain = read_dataset("utkface", folder)
    options = {"aligned": tmp_path / "chips", "aligned_side": 64, "landmarks": landmarks}
    manifest = read_dataset("utkface", folder, **options)
    for column in ("age", "gender", "race", "split"):
        assert manifest[column].tolist() == plain[column].tolist()
    path = tmp_path / "chips" / f"{NAMES[0]}.png"
    assert str(path) in set(manifest["path"])
    chip = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    expected = align_face(images[NAMES[0]], face_points(100) + (2, 3), 64)
    np.testing.assert_array_equal(chip, expected)
    # The aligned folder is itself in the layout, with the same split.
    again = read_dataset("utkface", tmp_path / "chips")
    assert again.drop(columns="path").equals(manifest.drop(columns="path"))


def test_released_data(data_dir):
    manifest = read_dataset("utkface", data_dir / "utkface")
    check_manifest(manifest, ["age", "gender", "race"])
    assert manifest["split"].value_counts().to_dict() == {"train": 3500, "val": 500, "test": 1000}
    assert (manifest["age"].min(), manifest["age"].max()) == (1, 116)
    assert manifest["gender"].value_counts().to_dict() == {0: 2617, 1: 2383}
    assert manifest["race"].value_counts().to_dict() == {0: 2168, 1: 959, 2: 690, 3: 824, 4: 359}
