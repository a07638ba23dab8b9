"""Frames of videos, arrays and images; every unusable file has a reason of one line."""

import cv2
import numpy as np
import pytest

from mtl_lowres.data.decode import explain
from mtl_lowres.data.video import explain_clip, read_frames
from tests.data.clip_files import moving_bar, write_video
from tests.ugly_files import huge_headers

# Quantisation and chroma of a codec at its default quality.
CODEC_TOLERANCE = 6


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "größe 像"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("name", "codec"), [("ü.avi", "MJPG"), ("写.mp4", "mp4v")])
def test_videos(folder, name, codec):
    frames = moving_bar(30)
    path = write_video(folder / name, frames, codec)
    result = read_frames(path)
    assert result.dtype == np.uint8 and result.shape == frames.shape
    np.testing.assert_allclose(result.astype(int), frames, atol=CODEC_TOLERANCE)
    some = read_frames(path, start=5, stop=20, indices=np.array([14, 0, 0, 3]))
    np.testing.assert_array_equal(some, result[[19, 5, 5, 8]])
    seen = []
    read_frames(path, 25, 99, lambda count: seen.append(count) or np.arange(count))
    assert seen == [5]
    assert explain_clip(path) is None
    assert "a video: use clip=" in explain(path)


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int64"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_arrays_are_exact(folder, kind, dtype, channels):
    rng = np.random.default_rng(0)
    shape = (7, 5, 6) if channels is None else (7, 5, 6, channels)
    largest = {"uint8": 255, "uint16": 65535, "int64": 255}.get(dtype, 1)
    array = (rng.random(shape) * largest).astype(dtype)
    path = folder / f"a.{kind}"
    np.save(path, array) if kind == "npy" else np.savez(path, other=[1], frames=array)
    expected = np.broadcast_to(array.reshape(7, 5, 6, -1), (7, 5, 6, 3))
    result = read_frames(path, 1, indices=np.array([5, 2]))
    if dtype == "uint8":
        np.testing.assert_array_equal(result, expected[[6, 3]])
    else:
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected[[6, 3]] / largest, atol=1e-7)
    assert explain_clip(path) is None


def test_images_are_one_frame(folder):
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    path = folder / "a.png"
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    np.testing.assert_allclose(read_frames(path)[0] * 255, image, atol=1e-4)
    np.save(folder / "a.npy", image)
    np.save(folder / "gray.npy", image[..., 0])
    np.testing.assert_array_equal(read_frames(folder / "a.npy"), image[np.newaxis])
    assert read_frames(folder / "gray.npy").shape == (1, 8, 9, 3)
    assert read_frames(path, indices=np.zeros(4, int)).shape == (4, 8, 9, 3)
    with pytest.raises(ValueError, match="start 3 is beyond the end: the file has 1 frame"):
        read_frames(path, start=3)


def test_a_truncated_video_ends_where_its_frames_end(folder):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (30, 48, 64, 3), np.uint8)  # noise: frames larger than headers
    whole = write_video(folder / "whole.avi", frames)
    cut = folder / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert int(cv2.VideoCapture(str(cut)).get(cv2.CAP_PROP_FRAME_COUNT)) == 30
    counts = []

    def last_three(count):
        counts.append(count)
        return np.arange(count - 3, count)

    result = read_frames(cut, indices=last_three)
    there = counts[-1]
    assert counts[0] == 30 and 10 <= there <= 16
    np.testing.assert_array_equal(result, read_frames(whole)[there - 3 : there])
    with pytest.raises(ValueError, match=f"start 20 is beyond the end: the file has {there}"):
        read_frames(cut, start=20)


def _npz(path, **arrays):
    np.savez(path, **arrays)
    return path.read_bytes()


def test_bad_files_have_a_reason_of_one_line(folder):
    video = write_video(folder / "good.avi", moving_bar(9)).read_bytes()
    empty = write_video(folder / "none.avi", moving_bar(0)).read_bytes()
    np.save(folder / "good.npy", moving_bar(9))
    array = (folder / "good.npy").read_bytes()
    np.save(folder / "pickle.npy", np.array([{}], object), allow_pickle=True)
    np.save(folder / "range.npy", np.full((4, 5, 6), 1.5))
    np.save(folder / "flat.npy", np.zeros(5))
    np.save(folder / "zero.npy", np.zeros((0, 5, 6, 3)))
    packed = _npz(folder / "two.npz", a=np.zeros((2, 3, 4)), b=np.zeros((2, 3, 4)))
    contents = {
        "none.avi": (empty, "a video without frames"),
        "head.avi": (video[:200], "truncated or corrupt video"),
        "cut.npy": (array[: len(array) // 2], "truncated .npy"),
        "pickle.npy": ((folder / "pickle.npy").read_bytes(), ".npy"),
        "range.npy": ((folder / "range.npy").read_bytes(), "range from 1.5 to 1.5"),
        "flat.npy": ((folder / "flat.npy").read_bytes(), r"not (5,)"),
        "zero.npy": ((folder / "zero.npy").read_bytes(), "without frames"),
        "two.npz": (packed, "must hold an array 'frames'"),
        "cut.npz": (packed[: len(packed) // 2], "cannot be read"),
        "huge.npy": (huge_headers()["npy"], ".npy"),
        "huge.png": (huge_headers()["png"], "above the limit"),
        "zero.avi": (b"", "empty file"),
        "text.avi": (b"#EXTM3U\nhttp://nowhere/a.avi\n", "not a video, array or image"),
    }
    for name, (data, words) in contents.items():
        (folder / name).write_bytes(data)
        reason = explain_clip(folder / name)
        assert reason and words in reason and "\n" not in reason, (name, reason)
    assert explain_clip(folder / "gone.avi") == "no such file"
    assert "not a regular file" in explain_clip(folder)


def test_parts_and_indices_that_are_not_there(folder):
    np.save(folder / "a.npy", moving_bar(9))
    for start, stop, words in [
        (9, None, "start 9 is beyond"),
        (4, 4, "between start 4 and stop 4"),
    ]:
        assert words in explain_clip(folder / "a.npy", start, stop)
    with pytest.raises(ValueError, match="frames 0 to 5 are wanted of 4 frames"):
        read_frames(folder / "a.npy", 5, indices=np.array([0, 5]))


def test_frames_above_the_limit_of_pixels(folder, monkeypatch):
    monkeypatch.setattr("mtl_lowres.data.video.MAX_PIXELS", 100)
    np.save(folder / "a.npy", moving_bar(2))
    write_video(folder / "a.avi", moving_bar(2))
    for name in ("a.npy", "a.avi"):
        assert explain_clip(folder / name) == "32 x 24 pixels is above the limit of 100"
