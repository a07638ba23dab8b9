"""Frames in memory and parts of videos are what files of them are."""

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.frame_stream import has_frames, stream_frames
from mtl_lowres.data.video import read_frames
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model
from mtl_lowres.serving.predictor import Predictor
from tests.serving.small_files import write_levels
from tests.toy_people import people_model, toy_trunk

LEVELS = tuple(range(0, 240, 16))  # 15 frames
RANDOM = "random_size(4, 8)|area(8)"


@pytest.fixture(scope="module")
def images():
    with toy_trunk():
        return Predictor(people_model())


@pytest.fixture(scope="module")
def clips(clip_model):
    return Predictor(clip_model)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "größe.avi"
    write_levels(path, LEVELS)
    return path


def _low(frames):
    """Return frames as an 8 x 8 network sees them."""
    return parse_recipe("area(8)")(tf.constant(frames / 255, tf.float32)).numpy()


@pytest.mark.parametrize("degrade", ["area(8)", RANDOM])
def test_arrays_are_answered_as_their_files_are(images, tmp_path, degrade):
    """Also where the recipe draws a size for each."""
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 255, (*size, 3), np.uint8) for size in ((9, 20), (31, 8), (8, 8))]
    for number, array in enumerate(arrays):
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", array[..., ::-1])[1])
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    of_files = images.table(paths, degrade=degrade)
    of_arrays = images.table(arrays, degrade=degrade)
    assert of_arrays["sample"].tolist() == [0, 1, 2]
    assert of_arrays["posture"].tolist() == of_files["posture"].tolist()
    columns = of_arrays["posture confidence"], of_files["posture confidence"]
    np.testing.assert_allclose(*columns, rtol=1e-5)
    floats = images.table([np.float64(array / 255) for array in arrays], degrade=degrade)
    np.testing.assert_allclose(floats["posture confidence"], columns[0], rtol=1e-4)


def test_clips_in_memory_are_answered_as_their_files_are(clips, tmp_path):
    arrays = np.random.default_rng(0).integers(0, 255, (2, 7, 12, 10, 3), np.uint8)
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
    of_files = clips.table([tmp_path / "0.npy", tmp_path / "1.npy"])
    of_arrays = clips.table(arrays)
    np.testing.assert_allclose(of_arrays["age (years)"], of_files["age (years)"], rtol=1e-5)
    np.testing.assert_allclose(
        of_arrays["posture confidence"], of_files["posture confidence"], rtol=1e-5
    )


def test_each_frame_of_a_video_for_a_model_of_images(images, video):
    expected = images(_low(read_frames(video)))
    table = images.table(video)
    assert table["start"].tolist() == list(range(15))
    assert table["stop"].tolist() == list(range(1, 16))
    assert table["posture"].tolist() == expected["posture_label"].tolist()
    every = images.table(video, every=4)
    assert every["start"].tolist() == [0, 4, 8, 12]
    np.testing.assert_allclose(
        every["posture confidence"], table["posture confidence"][::4], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("window", "every", "starts"),
    [
        (6, None, [0, 6]),
        (6, 3, [0, 3, 6, 9]),
        (3, 5, [0, 5, 10]),
        (15, 1, [0]),
        (2, 20, [0]),
    ],
)
def test_parts_of_a_video_are_its_frames_on_their_own(
    clips, video, tmp_path, window, every, starts
):
    frames = read_frames(video)
    paths = []
    for start in starts:
        paths.append(tmp_path / f"{start}.npy")
        np.save(paths[-1], frames[start : start + window])
    table = clips.table([video], window=window, every=every)
    assert table["start"].tolist() == starts
    assert table["stop"].tolist() == [start + window for start in starts]
    expected = clips.table(paths)
    np.testing.assert_allclose(table["age (years)"], expected["age (years)"], rtol=1e-5)


def test_a_video_that_is_shorter_than_a_part(clips, video):
    table = clips.table(video, window=100)
    assert table[["start", "stop"]].to_numpy().tolist() == [[0, 15]]
    expected = clips.table(video)["age (years)"]
    np.testing.assert_allclose(table["age (years)"], expected, rtol=1e-5)


def test_rows_of_a_manifest_name_their_parts(clips, video):
    rows = pd.DataFrame({"path": [str(video)] * 2, "start": [0, 6], "stop": [6, None]})
    table = clips.table(rows)
    parts = clips.table(video, window=6)
    assert table["start"].tolist() == [0, 6] and table["stop"].tolist()[0] == 6
    assert table["age (years)"][0] == pytest.approx(parts["age (years)"][0], rel=1e-5)


def test_optical_flow_is_that_of_the_part(toy_clip, video, tmp_path):
    model = build_model(
        toy_clip, {"posture": Posture(3)}, (3, 8, 8, 5), None, "area(8)", "uniform(3)|farneback(2)"
    )
    predictor = Predictor(model)
    frames = np.random.default_rng(0).integers(0, 255, (5, 16, 16, 3), np.uint8)
    np.save(tmp_path / "a.npy", frames)
    whole = predictor.table(tmp_path / "a.npy")
    for table in (predictor.table(tmp_path / "a.npy", window=5), predictor.table([frames])):
        np.testing.assert_allclose(
            table["posture confidence"], whole["posture confidence"], rtol=1e-5
        )


def test_bad_videos_are_rows_with_a_reason(clips, images, video, tmp_path):
    (tmp_path / "cut.avi").write_bytes(video.read_bytes()[:300])
    paths = [tmp_path / "cut.avi", video, tmp_path / "gone.avi"]
    for table, rows in ((clips.table(paths, window=15), 3), (images.table(paths), 17)):
        assert len(table) == rows
        assert table["error"].iloc[0] and table["error"].iloc[-1] == "no such file"
        assert (table["error"].iloc[1:-1] == "").all()


def test_frames_one_after_the_other(video, tmp_path):
    whole = read_frames(video)
    np.testing.assert_array_equal(np.concatenate(list(stream_frames(video))), whole)
    np.testing.assert_array_equal(np.concatenate(list(stream_frames(video, 4))), whole[::4])
    frames = np.random.default_rng(0).random((130, 2, 3, 3), np.float32)
    np.save(tmp_path / "long.npy", frames)
    chunks = list(stream_frames(tmp_path / "long.npy"))
    assert len(chunks) == 3
    np.testing.assert_allclose(np.concatenate(chunks), frames, atol=1e-6)
    assert has_frames(video) and has_frames(tmp_path / "long.npy")
    np.save(tmp_path / "image.npy", frames[0])
    assert not has_frames(tmp_path / "image.npy") and not has_frames(tmp_path / "gone.npy")


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ([], {}, "at least one file"),
        ([3], {}, r"sample 0 has the shape \(\)"),
        ([np.zeros((4, 4), np.uint8)], {}, r"sample 0 has the shape \(4, 4\)"),
        ([np.zeros((0, 4, 3), np.uint8)], {}, "sample 0 has the shape"),
        ([np.zeros((4, 4, 3), int)], {}, "sample 0 holds int64"),
        ([np.full((4, 4, 3), np.nan)], {}, "sample 0: floats must lie"),
        ([np.full((4, 4, 3), 2.0)], {}, "divide pixels"),
        (["a.png"], {"window": 3}, "for a model of clips"),
        (["a.png"], {"every": 0}, "every=0"),
        (["a.png"], {"degrade": "area(9)"}, r"images of \(9, 9\)"),
        (["a.png"], {"degrade": "areal(8)"}, "areal"),
    ],
)
def test_what_cannot_be_answered_for(images, items, options, message):
    with pytest.raises(InputError, match=message) as error:
        images.table(items, **options)
    assert "\n" not in str(error.value)


def test_what_a_model_of_clips_cannot_be_asked(clips, video):
    with pytest.raises(InputError, match="every=3 needs window="):
        clips.table(video, every=3)


def test_a_model_without_a_recipe():
    with toy_trunk():
        model = people_model()
    model.description["degrade"] = None
    with pytest.raises(InputError, match="no degradation recipe"):
        Predictor(model).table(["a.png"])
