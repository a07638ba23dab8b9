"""Clips with optical flow as they come out of make_dataset."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.flow import clip_flow, encode_flow, parse_flow
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.data.recipe import parse_calls
from mtl_lowres.errors import InputError

COUNT, FRAMES, SIDE = 5, 9, 16
METHOD = parse_flow(parse_calls("farneback(3)")[0])


@pytest.fixture
def manifest(tmp_path):
    """Clips of a blob that moves right, of row 0 by nothing, of row 1 by half a pixel, and so on.

    The stored flow of row r and frame f is (r, f / 10) everywhere.
    """
    rows = []
    places = np.arange(SIDE)
    for row in range(COUNT):
        centres = 4 + 0.5 * row * np.arange(FRAMES)
        across = np.exp(-(((places - centres[:, None]) / 2.5) ** 2))
        down = np.exp(-(((places - 8) / 2.5) ** 2))
        frames = (200 * across[:, None, :] * down[:, None]).astype(np.uint8)
        path, flow = tmp_path / f"ä {row}.npy", tmp_path / f"flow {row}.npy"
        np.save(path, frames)
        fields = np.zeros((FRAMES, 2 * SIDE, SIDE, 2), np.float16)
        fields[..., 0], fields[..., 1] = row, (np.arange(FRAMES) / 10)[:, None, None]
        np.save(flow, fields)
        rows.append({"path": str(path), "flow": str(flow), "action": row})
    return pd.DataFrame(rows)


def _clips(dataset):
    return np.concatenate([clips for clips, *_ in dataset.as_numpy_iterator()])


def test_the_flow_is_that_between_the_degraded_frames_of_the_clip(manifest):
    dataset = make_dataset(
        manifest, ["action"], degrade="area(16)", clip="uniform(4)|farneback(3)", batch_size=3
    )
    assert dataset.element_spec[0].shape.as_list() == [None, 4, 16, 16, 5]
    plain = _clips(make_dataset(manifest, degrade="area(16)", clip="uniform(4)"))
    clips = _clips(dataset)
    np.testing.assert_array_equal(clips[..., :3], plain)
    for clip in clips:
        expected = encode_flow(clip_flow(METHOD, clip[..., :3]), 3)
        np.testing.assert_array_equal(clip[..., 3:], expected)
    moved = (clips[:, 0, 8, 5, 3] - 0.5) * 6
    assert abs(moved[0]) < 0.02 and moved[1] > 0.5, "it stands in row 0 and goes right in row 1"


def test_cached_and_streamed_alike(manifest):
    options = {"degrade": "area(16)", "clip": "uniform(4)|farneback(3)"}
    cached = _clips(make_dataset(manifest, **options))
    np.testing.assert_array_equal(cached, _clips(make_dataset(manifest, cache="none", **options)))


def test_high_resolution_has_its_own_flow(manifest):
    batch = next(
        iter(
            make_dataset(
                manifest, hr="area(16)", degrade="area(12)", clip="uniform(3)|farneback(3)"
            )
        )
    )[0]
    assert batch["hr"].shape[1:] == (3, 16, 16, 5)
    assert batch["lr"].shape[1:] == (3, 12, 12, 5)
    for clips in batch.values():
        expected = encode_flow(clip_flow(METHOD, clips[2].numpy()[..., :3]), 3)
        np.testing.assert_array_equal(clips[2, ..., 3:], expected)


def test_stored_flow_is_that_of_the_frames_taken_in_pixels_of_the_new_size(manifest):
    """Frames 1, 4 and 7 of the file; [32, 16] becomes [8, 8]: a half across, a quarter down."""
    clips = _clips(make_dataset(manifest, degrade="area(8)", clip="uniform(3)|stored(4)"))
    flow = (clips[..., 3:] - 0.5) * 8
    for row in range(COUNT):
        np.testing.assert_allclose(flow[row, ..., 0], row / 2, atol=1e-5)
        for place, frame in enumerate((1, 4, 7)):
            np.testing.assert_allclose(flow[row, place, ..., 1], frame / 40, atol=1e-4)


def test_stored_flow_of_a_part_of_the_file(manifest):
    rows = manifest.assign(start=3, stop=5)
    clips = _clips(make_dataset(rows, degrade="area(8)", clip="uniform(2)|stored(4)"))
    flow = (clips[0, :, 0, 0, 4] - 0.5) * 8
    np.testing.assert_allclose(flow, [3 / 40, 4 / 40], atol=1e-4)


def test_stored_flow_of_random_frames_is_theirs(manifest):
    clips = _clips(make_dataset(manifest, degrade="area(16)", clip="random(2)|stored(4)"))
    plain = _clips(make_dataset(manifest, degrade="area(16)", clip="random(2)"))
    np.testing.assert_array_equal(clips[..., :3], plain)
    frames = np.load(manifest["path"][4])
    shown = [int(np.abs(frames / 255 - image[..., 0]).sum((1, 2)).argmin()) for image in clips[4]]
    flow = (clips[4, :, 0, 0, 4] - 0.5) * 8
    np.testing.assert_allclose(flow, np.array(shown) / 20, atol=1e-4)


def test_rows_without_usable_flow_are_bad_files(manifest, tmp_path):
    np.save(tmp_path / "wrong.npy", np.zeros((FRAMES, 4, 4, 3), np.float16))
    np.save(tmp_path / "nan.npy", np.full((FRAMES, 4, 4, 2), np.nan, np.float16))
    (tmp_path / "short.npy").write_bytes((tmp_path / "flow 1.npy").read_bytes()[:200])
    flows = [manifest["flow"][0], *(str(tmp_path / f"{n}.npy") for n in ("wrong", "nan", "short"))]
    bad = BadFiles(COUNT, budget=1.0)
    clips = _clips(
        make_dataset(
            manifest.assign(flow=[*flows, None]),
            degrade="area(8)",
            clip="uniform(3)|stored(4)",
            bad_files=bad,
        )
    )
    assert len(clips) == 1
    reasons = [bad.reasons[path] for path in manifest["path"][1:]]
    for reason, expected in zip(
        reasons, ("(9, 4, 4, 3), not [T, h, w, 2]", "NaN", "flow: ", "has none"), strict=True
    ):
        assert expected in reason


def test_stored_flow_needs_its_column(manifest):
    with pytest.raises(InputError, match="no column 'flow'"):
        make_dataset(manifest[["path"]], degrade="area(8)", clip="uniform(3)|stored(4)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uniform(3)|farneback(3)|dis(3)", "not 3 operations"),
        ("uniform(3)|flow(3)", "unknown optical flow 'flow'"),
        ("uniform(3)|farneback(0)", "bound"),
        ("units(3, 4)|farneback(3)", "takes no frames"),
    ],
)
def test_texts_that_cannot_be_used(text, expected):
    with pytest.raises(InputError, match=expected):
        parse_clip(text)


def test_an_image_does_not_move(tmp_path):
    path = tmp_path / "a.png"
    tf.io.write_file(str(path), tf.io.encode_png(np.full((20, 20, 3), 90, np.uint8)))
    clips = _clips(
        make_dataset(
            pd.DataFrame({"path": [str(path)]}), degrade="area(16)", clip="first(3)|farneback(2)"
        )
    )
    np.testing.assert_array_equal(clips[..., 3:], 0.5)
