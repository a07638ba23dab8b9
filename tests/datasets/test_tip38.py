import pytest

from mtl_lowres import InputError, read_dataset

FILES = (
    "training/0/ID_102_pose_01_0_4.jpg",
    "training/10/ID_007_pose_47_1_2.jpg",
    "training/9/ID_102_pose_45_0_0.jpg",
    "testing/9/ID_101_pose_46_0_8.jpg",
)


@pytest.fixture
def tree(tmp_path):
    for name in FILES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return tmp_path


def test_small_tree(tree):
    manifest = read_dataset("tip38", tree)
    assert manifest["path"].tolist() == [str(tree / FILES[i]) for i in (0, 2, 1, 3)]
    assert manifest["posture"].tolist() == [0, 9, 10, 9]
    assert manifest["subject"].tolist() == ["102", "102", "007", "101"]
    assert manifest["split"].tolist() == ["train", "train", "train", "test"]
    assert manifest["identity"].isna().tolist() == [False, False, False, True]
    assert manifest["identity"].tolist()[:3] == [1, 1, 0]
    assert manifest["pose"].tolist() == [1, 45, 47, 46]
    assert manifest["version"].tolist() == [0, 0, 1, 0]
    assert manifest["frame"].tolist() == [4, 0, 2, 8]
    assert manifest.attrs["classes"]["identity"] == ["007", "102"]
    assert manifest.attrs["classes"]["posture"] == [str(label) for label in range(38)]


def test_without_a_split_all_people_are_labelled(tree):
    manifest = read_dataset("tip38", tree, split="none")
    assert "split" not in manifest
    assert manifest["identity"].tolist() == [2, 2, 0, 1]
    assert manifest.attrs["classes"]["identity"] == ["007", "101", "102"]


@pytest.mark.parametrize(
    "name",
    [
        "training/0/ID_102_pose_1.jpg",
        "training/0/notes.txt",
        "training/38/ID_102_pose_01_0_4.jpg",
        "training/warrior/ID_102_pose_01_0_4.jpg",
        "training/ID_102_pose_01_0_4.jpg",
    ],
)
def test_a_misnamed_file_is_left_out_and_named(tree, name):
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_bytes(b"")
    with pytest.warns(UserWarning, match=f"1 files are left out.*{name}"):
        assert len(read_dataset("tip38", tree)) == len(FILES)


def test_hidden_files_are_ignored(tree):
    (tree / "training/0/.DS_Store").write_bytes(b"")
    assert len(read_dataset("tip38", tree)) == len(FILES)


def test_errors(tree, tmp_path):
    with pytest.raises(InputError, match="split='mine'"):
        read_dataset("tip38", tree, split="mine")
    (tree / FILES[3]).unlink()
    with pytest.raises(InputError, match="testing: has no file called"):
        read_dataset("tip38", tree)
    with pytest.raises(InputError, match="training: has no file called"):
        read_dataset("tip38", tmp_path / "absent")


def test_released_data(data_dir):
    manifest = read_dataset("tip38", data_dir / "tip38")
    train, test = (manifest[manifest["split"] == split] for split in ("train", "test"))
    assert (len(train), len(test)) == (3420, 950)
    assert (train["subject"].nunique(), test["subject"].nunique()) == (18, 5)
    assert not set(train["subject"]) & set(test["subject"])
    assert train["posture"].value_counts().to_dict() == dict.fromkeys(range(38), 90)
    assert test["posture"].value_counts().to_dict() == dict.fromkeys(range(38), 25)
    assert sorted(train["identity"].unique()) == list(range(18))
    assert test["identity"].isna().all()
