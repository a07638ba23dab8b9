import pytest

from mtl_lowres import InputError, check_manifest, read_dataset


@pytest.fixture
def folder(tmp_path):
    """Two classes of clips of two people, each person in a folder of their own."""
    for name in ("wave/Ünal 1/a.avi", "wave/ben/a.npy", "walk/Ünal 1/b.MP4", "walk/ben/2.webm"):
        file = tmp_path / "Filme ö" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return tmp_path / "Filme ö"


def test_classes_and_clips(folder):
    manifest = read_dataset("folder_clips", folder)
    assert manifest.attrs["classes"] == {"action": ["walk", "wave"]}
    assert manifest["action"].tolist() == [0, 0, 1, 1]
    assert manifest["path"].iloc[0] == str(folder / "walk/ben/2.webm")
    assert list(manifest) == ["path", "action"]
    check_manifest(manifest)


def test_people_by_folder(folder):
    manifest = read_dataset("folder_clips", folder, task="gait", subject="(.+)/")
    assert manifest["subject"].tolist() == ["ben", "Ünal 1", "ben", "Ünal 1"]
    assert "gait" in manifest


def test_people_by_name_below_a_split_folder(tmp_path):
    for name in ("train/wave/ann_1.avi", "train/wave/ben_2.avi", "test/wave/cho_1.npz"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    manifest = read_dataset("folder_clips", tmp_path, subject="^[^_]+")
    rows = sorted(zip(manifest["subject"], manifest["split"], strict=True))
    assert rows == [("ann", "train"), ("ben", "train"), ("cho", "test")]
    check_manifest(manifest)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("(", "no regular expression"),
        (7, "subject=7 is no regular expression"),
        ("(a)(b)", "has 2 groups: give one"),
        ("person([0-9]+)", r"finds no person in 'ben/2\.webm': change it"),
        ("x*", "finds no person"),
    ],
)
def test_subjects_that_cannot_be_used(folder, subject, message):
    with pytest.raises(InputError, match=message):
        read_dataset("folder_clips", folder, subject=subject)


def test_other_files_and_classes_without_clips(folder):
    (folder / "walk" / "cover.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1 files are left out.*\.avi .*\.jpg \(1\)"):
        assert len(read_dataset("folder_clips", folder)) == 4
    (folder / "still").mkdir()
    with pytest.raises(InputError, match="the class 'still' has no clip"):
        read_dataset("folder_clips", folder)
    with pytest.raises(InputError, match="gone: no such folder"):
        read_dataset("folder_clips", folder / "gone")
