import pytest

from mtl_lowres import InputError, read_dataset


def write(root, *names):
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return root


def short(manifest, root, *columns):
    """Rows as tuples, with paths relative to root."""
    rows = manifest[["path", *columns]].itertuples(index=False)
    return [(path.removeprefix(f"{root}/"), *rest) for path, *rest in rows]


def test_classes_are_numbered_in_natural_order(tmp_path):
    root = write(tmp_path, "10/a.jpg", "9/b.PNG", "9/a.jpg", "stand/x.npy")
    manifest = read_dataset("folder", root)
    assert manifest.attrs["classes"] == {"posture": ["9", "10", "stand"]}
    assert short(manifest, root, "posture") == [
        ("9/a.jpg", 0),
        ("9/b.PNG", 0),
        ("10/a.jpg", 1),
        ("stand/x.npy", 2),
    ]
    assert "split" not in manifest
    assert manifest["posture"].dtype == "Int64"


def test_file_names_in_natural_order_and_deeper_folders(tmp_path):
    root = write(tmp_path, "sit/10.jpg", "sit/2.jpg", "sit/ann/1.jpg")
    manifest = read_dataset("folder", root, task="action")
    assert short(manifest, root, "action") == [
        ("sit/2.jpg", 0),
        ("sit/10.jpg", 0),
        ("sit/ann/1.jpg", 0),
    ]


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("training", "valid", "testing"), ("Train", "validation")]
)
def test_split_folders(tmp_path, names):
    for name in names:
        write(tmp_path, f"{name}/sit/a.jpg", f"{name}/lie/a.jpg")
    manifest = read_dataset("folder", tmp_path)
    assert manifest.attrs["classes"] == {"posture": ["lie", "sit"]}
    expected = ["train", "val", "test"][: len(names)]
    assert sorted(manifest["split"]) == sorted(expected * 2)
    for split in expected:
        assert sorted(manifest.loc[manifest["split"] == split, "posture"]) == [0, 1]


def test_classes_are_the_union_over_the_splits(tmp_path):
    root = write(tmp_path, "train/b/1.jpg", "train/c/1.jpg", "test/a/1.jpg")
    (root / "test/c").mkdir()
    manifest = read_dataset("folder", root)
    assert manifest.attrs["classes"]["posture"] == ["a", "b", "c"]
    assert set(short(manifest, root, "posture", "split")) == {
        ("train/b/1.jpg", 1, "train"),
        ("train/c/1.jpg", 2, "train"),
        ("test/a/1.jpg", 0, "test"),
    }


def test_a_class_may_be_called_train(tmp_path):
    root = write(tmp_path, "bus/1.jpg", "train/1.jpg")
    manifest = read_dataset("folder", root)
    assert manifest.attrs["classes"]["posture"] == ["bus", "train"]
    assert "split" not in manifest


def test_hidden_files_are_ignored_and_others_are_counted(tmp_path):
    root = write(tmp_path, "sit/a.jpg", "sit/.DS_Store", "sit/.git/b.jpg", ".cache/c.jpg")
    assert len(read_dataset("folder", root)) == 1
    write(root, "sit/notes.txt", "sit/b.tif", "sit/c.tif", "loose.jpg")
    with pytest.warns(UserWarning, match=r"4 files are left out.*\.tif \(2\)"):
        assert len(read_dataset("folder", root)) == 1


def test_non_ascii_names(tmp_path):
    root = write(tmp_path / "Bilder für Ünal 姿勢", "stehend/ä 1.jpg", "座る/1.png")
    manifest = read_dataset("folder", root)
    assert manifest.attrs["classes"]["posture"] == ["stehend", "座る"]
    assert short(manifest, root, "posture") == [("stehend/ä 1.jpg", 0), ("座る/1.png", 1)]


def test_paths_are_absolute(tmp_path, monkeypatch):
    write(tmp_path, "data/sit/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert read_dataset("folder", "data")["path"].tolist() == [str(tmp_path / "data/sit/a.jpg")]


def test_errors_name_the_folder(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder"):
        read_dataset("folder", tmp_path / "absent")
    with pytest.raises(InputError, match="has no folders"):
        read_dataset("folder", write(tmp_path / "flat", "a.jpg"))
    root = write(tmp_path / "gap", "sit/a.jpg")
    (root / "lie").mkdir()
    with pytest.raises(InputError, match="class 'lie' has no image"):
        read_dataset("folder", root)


def test_unknown_option_and_unknown_dataset(tmp_path):
    with pytest.raises(InputError, match="no option 'tsak': it has task"):
        read_dataset("folder", tmp_path, tsak="action")
    with pytest.raises(InputError, match="did you mean 'folder'"):
        read_dataset("folders", tmp_path)
