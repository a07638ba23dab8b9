from pathlib import Path

import cv2
import pytest

from mtl_lowres import InputError, check_manifest, read_dataset
from mtl_lowres.datasets import make_hmdb51
from mtl_lowres.datasets.motions import ACTIONS

SMALL = {"people": 10, "takes": 1, "frames": (8, 11), "size": 16}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "HMDB ö"
    make_hmdb51(folder, **SMALL)
    return folder


def _contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")}


def test_set_in_the_published_layout(folder):
    manifest = read_dataset("hmdb51", folder)
    check_manifest(manifest)
    assert manifest.attrs["classes"] == {"action": sorted(ACTIONS)}
    assert manifest.groupby(["action", "split"]).size().unstack().values.tolist() == [[3, 7]] * 10
    lengths = set()
    for path in manifest["path"]:
        video = cv2.VideoCapture(path)
        lengths.add(int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
        assert video.get(cv2.CAP_PROP_FRAME_WIDTH) == 16
    assert lengths == {8, 9, 10, 11}


def test_splits_are_by_film_and_test_different_ones(folder):
    tested = []
    for split in (1, 2, 3):
        manifest = read_dataset("hmdb51", folder, split=split)
        films = manifest.groupby("split")["film"].unique()
        assert not set(films["train"]) & set(films["test"])
        tested += [*films["test"]]
    assert len(tested) == len(set(tested)) == 9  # of 10


def test_the_same_arguments_give_the_same_files(folder, tmp_path):
    """Also when generating is interrupted, by any number of workers."""
    before = _contents(folder)
    again = tmp_path / "again"
    make_hmdb51(again, **SMALL, workers=1)
    assert _contents(again) == before
    (again / "manifest.csv").unlink()
    lost = next(again.rglob("*_wave_*.avi"))
    lost.unlink()
    kept = next(again.rglob("*_walk_*.avi"))
    time = kept.stat().st_mtime_ns
    make_hmdb51(again, **SMALL)
    assert _contents(again) == before and kept.stat().st_mtime_ns == time
    # A finished folder gets lists that are lost.
    next(again.rglob("*_split2.txt")).unlink()
    make_hmdb51(again, **SMALL)
    assert _contents(again) == before


def test_options_and_folder_are_checked(folder, tmp_path):
    with pytest.raises(InputError, match="takes=1, not 2"):
        make_hmdb51(folder, **SMALL | {"takes": 2})
    with pytest.raises(InputError, match="people=3"):
        make_hmdb51(tmp_path / "a", people=3)
    with pytest.raises(InputError, match="longest of frames=8"):
        make_hmdb51(tmp_path / "a", frames=(9, 8))
    with pytest.raises(InputError, match=r"actions=\('swim',\): give some of still, "):
        make_hmdb51(tmp_path / "a", actions=("swim",))
    Path(tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="no readable settings.json"):
        make_hmdb51(tmp_path)
