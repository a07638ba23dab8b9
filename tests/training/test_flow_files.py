"""Flow of files: what is stored, what is left out, and what a killed run leaves."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data import flow as flow_module
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.flow import clip_flow, flow_colours, parse_flow
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import read_manifest
from mtl_lowres.data.recipe import parse_calls
from mtl_lowres.data.video import read_frames
from mtl_lowres.errors import InputError
from mtl_lowres.training import flow_files
from mtl_lowres.training.flow_files import write_flow
from tests.data.clip_files import write_video

METHOD = "farneback(4, iterations=1)"


def _walk(count, height=16, width=16, seed=0):
    """Return uint8 frames [count, h, w] of a blob that goes right over a texture."""
    rng = np.random.default_rng(seed)
    room = cv2.GaussianBlur(rng.uniform(0, 120, (height, width)), (0, 0), 1.0)
    rows, columns = np.mgrid[:height, :width]
    blobs = [
        130 * np.exp(-((rows - height / 2) ** 2 + (columns - 4 - number) ** 2) / 8)
        for number in range(count)
    ]
    return np.rint(room + blobs).astype(np.uint8)


def _table(paths, **columns):
    return pd.DataFrame({"path": [str(path) for path in paths], **columns})


def _states(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}


@pytest.fixture
def clips(tmp_path):
    """Six arrays in two folders, of equal names, with a non-ASCII folder."""
    paths = []
    for action in ("gehen ü", "走る"):
        for number in range(3):
            path = tmp_path / "clips" / action / f"v{number}.1.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, _walk(4 + number, seed=number))
            paths.append(path)
    return paths


def test_fields_of_each_file_once_and_a_manifest(clips, tmp_path):
    rows = _table([*clips, clips[0]], action=[0, 0, 0, 1, 1, 1, 0], start=[0] * 6 + [2])
    rows.attrs["classes"] = {"action": ["walk", "run"]}
    out = tmp_path / "Fluss é"
    made = write_flow(rows, out, METHOD, workers=2)
    assert made["path"].tolist() == rows["path"].tolist()
    assert made["flow"].iloc[6] == made["flow"].iloc[0]
    assert Path(made["flow"].iloc[3]) == out / "走る" / "v0.1.npy"
    assert made.attrs["classes"] == rows.attrs["classes"]
    pd.testing.assert_frame_equal(made, read_manifest(out / "manifest.csv"))
    for path, stored in zip(made["path"], made["flow"], strict=True):
        field = np.load(stored)
        expected = clip_flow(parse_flow(parse_calls(METHOD)[0]), read_frames(path))
        assert field.dtype == np.float16
        np.testing.assert_array_equal(field, expected.astype(np.float16))
    settings = json.loads((out / "settings.json").read_text(encoding="utf-8"))
    assert settings["method"] == METHOD and settings["root"] == str(tmp_path / "clips")
    assert pd.read_csv(out / "bad_files.csv").columns.tolist() == ["path", "reason"]


def test_long_files_are_as_if_computed_at_once(tmp_path, monkeypatch):
    """Blocks of three frames: of 7 = 2 blocks, 8 = one more, 4 = exactly one, 1."""
    monkeypatch.setattr(flow_files, "_BLOCK", 3)
    paths = [tmp_path / f"{count}.npy" for count in (1, 4, 5, 7, 8)]
    for path in paths:
        np.save(path, _walk(int(path.stem)))
    made = write_flow(_table(paths), tmp_path / "out", METHOD)
    for path, stored in zip(paths, made["flow"], strict=True):
        expected = clip_flow(parse_flow(parse_calls(METHOD)[0]), read_frames(path))
        np.testing.assert_array_equal(np.load(stored), expected.astype(np.float16))


def test_frames_are_degraded_first(tmp_path):
    clip = write_video(tmp_path / "a.avi", _walk(5, 48, 64)[..., np.newaxis].repeat(3, -1))
    made = write_flow(_table([clip]), tmp_path / "out", METHOD, degrade="area(12,16)")
    frames = read_frames(clip).astype(np.float32) * np.float32(1 / 255)
    low = parse_recipe("area(12, 16)").clip(frames).numpy()
    expected = clip_flow(parse_flow(parse_calls(METHOD)[0]), low)
    stored = np.load(made["flow"].iloc[0])
    assert stored.shape == (5, 12, 16, 2)
    np.testing.assert_array_equal(stored, expected.astype(np.float16))


def test_small_colours_are_arrays_and_larger_ones_videos(tmp_path):
    small, large = tmp_path / "small.npy", tmp_path / "large.npy"
    np.save(small, _walk(4))
    np.save(large, _walk(4, 64, 80))
    made = write_flow(_table([small, large]), tmp_path / "out", "farneback(4)", form="colours")
    stored = made["flow"].map(Path)
    assert [path.name for path in stored] == ["small.npy", "large.avi"]
    method = parse_flow(parse_calls("farneback(4)")[0])
    for path, frames in zip(stored, (small, large), strict=True):
        expected = flow_colours(clip_flow(method, read_frames(frames)), 4) * 255
        found = read_frames(path)
        assert found.dtype == np.uint8 and found.shape == expected.shape
        limit = 0.51 if path.suffix == ".npy" else 4  # JPEG
        assert np.abs(found - expected).mean() < limit
    again = write_flow(_table([small, large]), tmp_path / "out", "farneback(4)", form="colours")
    assert again["flow"].tolist() == made["flow"].tolist()


def test_files_that_differ_in_their_ending_only(tmp_path):
    np.save(tmp_path / "a.npy", _walk(3))
    np.savez(tmp_path / "a.npz", frames=_walk(4))
    made = write_flow(_table([tmp_path / "a.npy", tmp_path / "a.npz"]), tmp_path / "out", METHOD)
    assert [Path(path).name for path in made["flow"]] == ["a.npy.npy", "a.npz.npy"]
    assert [len(np.load(path)) for path in made["flow"]] == [3, 4]


def test_a_failure_in_a_worker_keeps_what_is_done(clips, tmp_path, monkeypatch):
    """The fourth file fails: three are there, whole, and not made again."""
    out, rows = tmp_path / "out", _table(clips)
    whole = {path: np.load(path) for path in write_flow(rows, tmp_path / "b", METHOD)["flow"]}
    pairs = []

    def failing(self, before, after):
        pairs.append(1)
        if len(pairs) > 3 + 4 + 5:  # one less than frames in each of the first three
            raise RuntimeError("killed")
        return original(self, before, after)

    original = flow_module.Farneback.__call__
    monkeypatch.setattr(flow_module.Farneback, "__call__", failing)
    with pytest.raises(RuntimeError, match="killed"):
        write_flow(rows, out, METHOD, workers=1)
    monkeypatch.undo()
    before = _states(out)
    assert len(before) == 3 and not (out / "manifest.csv").exists()
    made = write_flow(rows, out, METHOD)
    after = _states(out)
    assert len(after) == 6 and before.items() <= after.items()
    for mine, its in zip(made["flow"], whole.values(), strict=True):
        np.testing.assert_array_equal(np.load(mine), its)


def _die_in_the_fourth_file(rows, out):
    """Write three files, and half of the next one."""
    written, write_whole = [], flow_files._write_array

    def write(array, path):
        if len(written) == 3:
            path.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        written.append(path)
        write_whole(array, path)

    flow_files._write_array = write
    write_flow(rows, out, METHOD, workers=1)


def test_a_killed_process_is_resumed(clips, tmp_path):
    out, rows = tmp_path / "out", _table(clips)
    process = multiprocessing.get_context("fork").Process(
        target=_die_in_the_fourth_file, args=(rows, out)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    before = _states(out)
    assert len(list(out.rglob("v*.npy"))) == 3 and len(list(out.rglob(".v0.1.npy.*"))) == 1
    made = write_flow(rows, out, METHOD)
    assert before.items() <= _states(out).items()
    assert [len(np.load(path)) for path in made["flow"]] == [4, 5, 6, 4, 5, 6]
    assert not list(out.rglob(".*"))


def test_rows_may_be_added_and_changed_files_are_made_again(clips, tmp_path):
    out = tmp_path / "out"
    write_flow(_table([clips[0], clips[3], clips[4]]), out, METHOD)
    before = _states(out)
    np.save(clips[4], _walk(9))
    made = write_flow(_table(clips), out, METHOD)
    changed = {path for path, state in _states(out).items() if before.get(path, state) != state}
    assert changed == {Path(made["flow"].iloc[4])}
    assert [len(np.load(path)) for path in made["flow"]] == [4, 5, 6, 4, 9, 6]


def test_other_settings_and_other_folders_are_refused(clips, tmp_path):
    out, rows = tmp_path / "out", _table(clips)
    write_flow(rows, out, METHOD)
    with pytest.raises(InputError, match=r"made with method='farneback\(4, iterations=1\)', not"):
        write_flow(rows, out, "farneback(5)")
    with pytest.raises(InputError, match="made with format='fields', not 'colours'"):
        write_flow(rows, out, METHOD, form="colours")
    with pytest.raises(InputError, match=r"made with degrade='', not 'area\(8\)'"):
        write_flow(rows, out, METHOD, degrade="area(8)")
    with pytest.raises(InputError, match="made with root="):
        write_flow(rows.head(3), out, METHOD)
    with pytest.raises(InputError, match="is no folder of optical flow"):
        write_flow(rows, tmp_path / "clips", METHOD)
    with pytest.raises(InputError, match="is a file: name a folder"):
        write_flow(rows, clips[0], METHOD)


def test_bad_files_are_left_out_and_named(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(flow_files, "_MAX_BYTES", 6 * 16 * 16 * 3)  # six frames
    folder = clips[0].parent
    bad = [folder / name for name in ("leer.npy", "kurz.npy", "none.npy", "weg.npy", "lang.npy")]
    empty, truncated, no_frames, _, long = bad
    empty.touch()
    truncated.write_bytes(clips[0].read_bytes()[:500])
    np.save(no_frames, np.zeros((0, 16, 16), np.uint8))
    np.save(long, _walk(7))
    rows = _table([bad[0], *clips, *bad, clips[1]])
    bad_files = BadFiles(11, 0.5)
    out = tmp_path / "out"
    made = write_flow(rows, out, METHOD, bad_files=bad_files)
    assert made["path"].tolist() == [str(path) for path in [*clips, clips[1]]]
    table = pd.read_csv(out / "bad_files.csv").set_index("path")["reason"]
    assert table.to_dict() == bad_files.reasons
    for path, words in zip(
        bad,
        ("0 bytes", "truncated .npy", "without frames", "no such file", "7 frames"),
        strict=True,
    ):
        assert words in table[str(path)]
    with pytest.raises(InputError, match="over the budget of 1.0%"):
        write_flow(rows, out, METHOD)
    with pytest.raises(InputError, match="none of the 1 files of the manifest has frames"):
        write_flow(rows.head(1), tmp_path / "o", METHOD, bad_files=BadFiles(1, 1))
    assert len(pd.read_csv(tmp_path / "o" / "bad_files.csv")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "stored(3)"}, "reads flow that is there"),
        ({"method": "farneback(3)|dis(3)"}, "give one, such as"),
        ({"method": "farnebek(3)"}, "method 'farnebek\\(3\\)': unknown optical flow"),
        ({"degrade": "area(8)|noise(0.1)"}, "is random"),
        ({"form": "images"}, "format 'images' is unknown"),
        ({"workers": 0}, "workers must be an integer of at least 1, got 0"),
    ],
)
def test_unusable_options_are_refused_before_anything_is_written(clips, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        write_flow(_table(clips), tmp_path / "out", **{"method": METHOD, **options})
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no rows"):
        write_flow(_table([]), tmp_path / "out", METHOD)
