from pathlib import Path

import cv2
import numpy as np
import pytest

from mtl_lowres import InputError
from mtl_lowres.datasets import make_swimmers
from mtl_lowres.datasets.swimmers_demo import ACTIONS, SWIMMERS, draw_clip


def _frames(path):
    video, frames = cv2.VideoCapture(path), []
    while True:
        good, frame = video.read()
        if not good:
            return np.array(frames)
        frames.append(frame)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One clip of each person doing each action."""
    return make_swimmers(tmp_path_factory.mktemp("set") / "clips ü", clips_per_pair=1, seed=3)


def test_set_in_the_published_layout(small):
    assert len(small) == 16
    assert small.attrs["classes"] == {
        "action": list(ACTIONS),
        "identity": [swimmer.name for swimmer in SWIMMERS],
    }
    assert small.groupby(["action", "identity"]).size().tolist() == [1] * 16
    for path in small["path"]:
        frames = _frames(path)
        assert frames.shape[1:] == (100, 100, 3) and 30 <= len(frames) <= 45


def test_the_same_arguments_give_the_same_files(small, tmp_path):
    more = make_swimmers(tmp_path / "clips", clips_per_pair=2, seed=3)
    assert len(more) == 32
    for path in map(Path, small["path"]):
        assert path.read_bytes() == (tmp_path / "clips" / path.name).read_bytes()


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("swimmer", SWIMMERS, ids=lambda swimmer: swimmer.name)
def test_the_cap_shows_who_it_is(action, swimmer):
    """Some frame has many pixels near the colour of the cap, whatever the light."""
    frames = np.array(draw_clip(action, swimmer, np.random.default_rng(0)), float)
    cap = np.array(swimmer.cap) / np.linalg.norm(swimmer.cap)
    brightness = np.linalg.norm(frames, axis=-1)
    angle = (frames @ cap) / np.maximum(brightness, 1)
    near = (angle > 0.98) & (np.abs(brightness / np.linalg.norm(swimmer.cap) - 1) < 0.3)
    assert near.sum(axis=(1, 2)).max() > 20


def test_only_strokes_go_forward():
    """The body's middle moves across the picture in freestyle, and stays where it is in safe."""
    travelled = {}
    for action in ACTIONS:
        frames = np.array(draw_clip(action, SWIMMERS[0], np.random.default_rng(1)), float)
        red = (frames[..., 2] > 150) & (frames[..., 0] < 120)
        first, last = (np.argwhere(red[at]).mean(axis=0) for at in (0, -1))
        travelled[action] = np.linalg.norm(last - first)
    assert min(travelled["freestyle"], travelled["breaststroke"]) > 12
    assert travelled["safe"] < 6


def test_options_and_folder_are_checked(tmp_path):
    with pytest.raises(InputError, match="clips_per_pair=0"):
        make_swimmers(tmp_path / "a", clips_per_pair=0)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").touch()
    with pytest.raises(InputError, match="is not an empty folder"):
        make_swimmers(tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b"]
