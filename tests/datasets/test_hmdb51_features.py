"""The released folders of unit features, drawn small."""

import shutil
import warnings

import numpy as np
import pytest

from mtl_lowres import InputError, read_dataset
from mtl_lowres.data.manifest import check_manifest

VIDEOS = {
    "Train": ("wave/a.npy", "wave/ü b.npy", "brush hair/c.npy"),
    "Validation": ("wave/d.npy",),
    "Test": ("brush hair/e.npy", "wave/f.npy"),
}


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "HMDB51" / "Split1"
    for part, names in VIDEOS.items():
        for resolution in ("lr", "hr"):
            for stream in ("", "_optfl"):
                for name in names:
                    file = root / f"{part}_{resolution}{stream}_features" / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    np.save(file, np.ones((2, 4), np.float32))
    return root


def _read(tree, **options):
    return read_dataset("hmdb51_features", tree, **options)


def _counts(manifest):
    return manifest.groupby(["split", "resolution"]).size().to_dict()


def test_both_resolutions_train_and_the_low_one_tests(tree):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manifest = _read(tree)
    assert _counts(manifest) == {
        ("train", "hr"): 3,
        ("train", "lr"): 3,
        ("val", "lr"): 1,
        ("test", "lr"): 2,
    }
    assert manifest.attrs["classes"] == {"action": ["brush hair", "wave"]}
    first = manifest.iloc[0]
    assert first["path"] == str(tree / "Train_lr_features" / "brush hair" / "c.npy")
    assert first["flow"] == str(tree / "Train_lr_optfl_features" / "brush hair" / "c.npy")
    assert first["action"] == 0 and first["video"] == "brush hair/c"
    twins = manifest[manifest["video"] == "wave/ü b"]
    assert twins["resolution"].tolist() == ["lr", "hr"] and set(twins["action"]) == {1}
    check_manifest(manifest)


def test_the_habit_of_the_release_trains_on_validation_videos(tree):
    manifest = _read(tree, train_on_validation=True)
    assert _counts(manifest) == {("train", "hr"): 4, ("train", "lr"): 4, ("test", "lr"): 2}


def test_options(tree):
    manifest = _read(tree, train="lr", test="both", flow=False)
    assert _counts(manifest) == {
        ("train", "lr"): 3,
        ("val", "lr"): 1,
        ("val", "hr"): 1,
        ("test", "lr"): 2,
        ("test", "hr"): 2,
    }
    assert "flow" not in manifest
    for name in ("train", "test"):
        with pytest.raises(InputError, match=f"{name}='mr' is unknown: use both, lr, hr"):
            _read(tree, **{name: "mr"})


def test_a_video_without_its_flow_keeps_its_row_for_the_loader_to_name(tree):
    (tree / "Test_lr_optfl_features" / "wave" / "f.npy").unlink()
    manifest = _read(tree)
    assert manifest["flow"].iloc[-1] == str(tree / "Test_lr_optfl_features" / "wave" / "f.npy")


def test_what_is_no_feature_is_counted(tree):
    (tree / "Train_lr_features" / "wave" / "a.txt").touch()
    (tree / "Train_lr_features" / "readme").touch()
    (tree / "Train_lr_features" / ".DS_Store").touch()
    (tree / "Test_lr_features" / "wave" / "f.npy").unlink()
    with pytest.warns(UserWarning, match="3 files are left out, .*no .npy files or flow without"):
        manifest = _read(tree)
    assert len(manifest) == 8


def test_parts_without_folders_have_no_rows(tree):
    for folder in [*tree.glob("Validation_*"), *tree.glob("Test_*")]:
        shutil.rmtree(folder)
    assert set(_read(tree)["split"]) == {"train"}
    with pytest.raises(InputError, match="Validation_lr_features: no such folder"):
        _read(tree, train_on_validation=True)


@pytest.mark.parametrize(
    ("folder", "hint"),
    [
        ("Train_lr_optfl_features", r"read without flow \(flow=False\)"),
        ("Test_lr_optfl_features", r"read without flow \(flow=False\)"),
        ("Train_hr_features", "options train and test"),
        ("Test_lr_features", "options train and test"),
    ],
)
def test_a_missing_folder_is_named(tree, folder, hint):
    shutil.rmtree(tree / folder)
    with pytest.raises(InputError, match=f"{folder}: no such folder: .*{hint}"):
        _read(tree)


def test_empty_and_missing_folders(tree, tmp_path):
    with pytest.raises(InputError, match="no such folder: give the one that holds Train_lr"):
        _read(tmp_path / "nowhere")
    for file in tree.rglob("*.npy"):
        file.unlink()
    with pytest.raises(InputError, match="has no features"):
        _read(tree)
