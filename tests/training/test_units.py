"""Unit features of videos: which frames, their values, killed runs and what is refused."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import read_manifest
from mtl_lowres.data.units import read_units
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model
from mtl_lowres.training.units import unit_frames, write_units

# The recipe's 8x8 pixels of a 16x16 frame are the means of 2x2.
OPTIONS = {"degrade": "area(8)", "stride": 2, "batch_size": 2}
LENGTHS = {"wave/a": 9, "wave/b ü": 4, "run/c": 2}


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    return build_model("c3d", {"action": Posture(2)}, (4, 8, 8, 3), features="fc6", width=1 / 64)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Manifest of three arrays of frames, of which 9, 4 and 2 frames long ones."""
    rng = np.random.default_rng(0)
    folder, rows = tmp_path_factory.mktemp("Aufnahmen") / "clips ü", []
    for number, (name, length) in enumerate(LENGTHS.items()):
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.integers(0, 256, (length, 16, 16, 3), np.uint8))
        rows.append((str(path), number // 2, "train", f"person {number}"))
    table = pd.DataFrame(rows, columns=["path", "action", "split", "subject"])
    table.attrs["classes"] = {"action": ["wave", "run"]}
    return table


@pytest.fixture(scope="module")
def made(model, clips, tmp_path_factory):
    """The units of all clips: their folder and their rows."""
    out = tmp_path_factory.mktemp("units") / "out"
    return out, write_units(model, clips, out, **OPTIONS)


def _expected(model, path, units):
    """Degrade and apply the trunk without the package's loaders."""
    frames = np.load(path) / np.float32(255)
    small = np.stack([cv2.resize(f, (8, 8), interpolation=cv2.INTER_AREA) for f in frames])
    return model.trunk(small[units]).numpy()


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [[0, 0, 0, 0]]),
        (3, [[0, 1, 2, 2]]),
        (4, [[0, 1, 2, 3]]),
        (5, [[0, 1, 2, 3]]),  # the last frame lies behind the last whole unit
        (6, [[0, 1, 2, 3], [2, 3, 4, 5]]),
    ],
)
def test_the_frames_of_each_unit(count, expected):
    assert unit_frames(count, 4, 2).tolist() == expected


def test_units_are_what_the_trunk_gives_successive_frames(model, clips, made):
    out, rows = made
    files = [str(out / f"{name}.npy") for name in LENGTHS]
    assert rows["path"].tolist() == files
    assert rows["action"].tolist() == [0, 0, 1] and rows.attrs["classes"]["action"][1] == "run"
    units = [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]], [[0, 1, 2, 3]], [[0, 1, 1, 1]]
    for file, source, frames in zip(files, clips["path"], units, strict=True):
        features = np.load(file)
        assert features.dtype == np.float32
        expected = _expected(model, source, np.array(frames))
        np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
        assert features.any() and read_units(file, 64).shape == features.shape
    settings = json.loads((out / "settings.json").read_text(encoding="utf-8"))
    assert settings["unit"] == 4 and settings["stride"] == 2 and settings["width"] == 64
    assert settings["trunk"] == "c3d" and settings["stream"] == "rgb"
    names = {"wave", "run", "manifest.csv", "manifest.classes.json", "settings.json"}
    assert {path.name for path in out.iterdir()} == names | {"bad_files.csv"}
    assert read_manifest(out / "manifest.csv").equals(rows)


def test_both_streams_one_after_the_other(model, clips, tmp_path):
    """The flow of a clip has its frames; `start` and `stop` cut both."""
    flow = tmp_path / "flow"
    flow.mkdir()
    files = [flow / f"{number}.npy" for number in range(3)]
    for path, file in zip(clips["path"], files, strict=True):
        np.save(file, 255 - np.load(path))
    parts = {"start": [3, pd.NA, pd.NA], "stop": [8, 4, pd.NA]}
    parts = {name: pd.array(cells, "Int64") for name, cells in parts.items()}
    both = clips.assign(flow=[str(file) for file in files], **parts)
    rows = write_units(model, both, tmp_path / "rgb", **OPTIONS)
    assert rows["flow"].tolist() == both["flow"].tolist()
    rows = write_units(model, rows, tmp_path / "temporal", stream="flow", **OPTIONS)
    spatial = ["wave/a_3-8.npy", "wave/b ü_0-4.npy", "run/c.npy"]
    assert rows["path"].tolist() == [str(tmp_path / "rgb" / name) for name in spatial]
    temporal = ["0_3-8.npy", "1_0-4.npy", "2.npy"]
    assert rows["flow"].tolist() == [str(tmp_path / "temporal" / name) for name in temporal]
    for column, source in (("path", clips["path"][0]), ("flow", files[0])):
        expected = _expected(model, source, np.array([[3, 4, 5, 6]]))
        np.testing.assert_allclose(np.load(rows[column][0]), expected, rtol=1e-4, atol=1e-5)


def test_a_killed_run_goes_on(model, clips, made, tmp_path, monkeypatch):
    """Killed while the second file is being written; the first is not made again."""
    out, save = tmp_path / "out", np.save

    def die(file, array):
        if (out / "wave/a.npy").exists():
            file.write(b"half an array")
            raise KeyboardInterrupt
        save(file, array)

    monkeypatch.setattr(np, "save", die)
    with pytest.raises(KeyboardInterrupt):
        write_units(model, clips, out, **OPTIONS)
    monkeypatch.undo()
    assert [path.name for path in out.rglob("*.npy")] == ["a.npy"]
    (out / "wave" / ".b ü.npy.1.part").write_bytes(b"of a process that got no chance to tidy up")
    before = (out / "wave/a.npy").stat().st_mtime_ns
    rows = write_units(model, clips, out, **OPTIONS)
    assert (out / "wave/a.npy").stat().st_mtime_ns == before
    assert not list(out.rglob("*.part"))
    for file, same in zip(rows["path"], made[1]["path"], strict=True):
        np.testing.assert_array_equal(np.load(file), np.load(same))


def test_bad_videos_are_left_out_with_their_reason(model, clips, tmp_path):
    bad = {
        "zero.npy": "an array without frames",
        "empty.avi": r"empty file (0 bytes)",
        "text.avi": "not a video, array or image",
        "gone.avi": "no such file",
    }
    np.save(tmp_path / "zero.npy", np.zeros((0, 16, 16, 3), np.uint8))
    (tmp_path / "empty.avi").touch()
    (tmp_path / "text.avi").write_text("no video at all")
    more = pd.DataFrame({"path": [str(tmp_path / name) for name in bad], "action": 0})
    table = pd.concat([clips, more], ignore_index=True)
    with pytest.raises(InputError, match=r"1 of 7 files .*zero\.npy: an array without frames"):
        write_units(model, table, tmp_path / "a", **OPTIONS)
    assert len(pd.read_csv(tmp_path / "a" / "bad_files.csv")) == 1
    rows = write_units(model, table, tmp_path / "b", bad_files=BadFiles(7, 0.6), **OPTIONS)
    assert rows["subject"].tolist() == clips["subject"].tolist()
    reasons = pd.read_csv(tmp_path / "b" / "bad_files.csv").set_index("path")["reason"]
    for name, reason in bad.items():
        assert reason in reasons[str(tmp_path / name)]
    with pytest.raises(InputError, match="none of the 4 videos of the manifest can be read"):
        write_units(model, more, tmp_path / "c", bad_files=BadFiles(4, 1), **OPTIONS)


def test_flow_that_cannot_be_used(model, clips, tmp_path):
    options = OPTIONS | {"stream": "flow"}
    with pytest.raises(InputError, match="reads the column 'flow', which the manifest lacks"):
        write_units(model, clips, tmp_path / "out", **options)
    np.save(tmp_path / "fields.npy", np.zeros((9, 16, 16, 2), np.float16))
    fields = clips.assign(flow=[str(tmp_path / "fields.npy"), None, None])
    with pytest.raises(InputError, match="2 of 3 .*no flow: the cell is empty"):
        write_units(model, fields, tmp_path / "out", bad_files=BadFiles(3, 0.5), **options)
    with pytest.raises(InputError, match=r"fields\.npy: it holds motion in pixels.* colours"):
        write_units(model, fields.head(1), tmp_path / "out", **options)


def test_the_folders_of_the_release(model, clips, tmp_path):
    out = tmp_path / "Split1"
    table = clips.assign(split=["train", "val", "test"], flow=clips["path"])
    rows = write_units(model, table, out, resolution="lr", **OPTIONS)
    write_units(model, table, out, resolution="lr", stream="flow", **OPTIONS)
    write_units(model, table, out, resolution="hr", **OPTIONS)
    names = ["Train_lr_features/wave/a.npy", "Validation_lr_features/wave/b ü.npy"]
    names.append("Test_lr_features/run/c.npy")
    assert rows["path"].tolist() == [str(out / name) for name in names]
    assert (out / "Test_lr_optfl_features/run/c.npy").is_file()
    assert (out / "Train_hr_features/wave/a.npy").is_file()
    assert {path.name for path in out.glob("*.csv")} == {
        f"{prefix}_{name}.csv"
        for prefix in ("lr", "lr_optfl", "hr")
        for name in ("manifest", "bad_files")
    }
    with pytest.raises(InputError, match="no split or no action"):
        write_units(model, table.assign(split=None), out, resolution="hr", **OPTIONS)
    with pytest.raises(InputError, match="with names of its classes"):
        write_units(model, table.drop(columns="action"), out, resolution="hr", **OPTIONS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 3}, "was made with stride=2, not 3"),
        ({"degrade": "bicubic(8)"}, r"degrade='area\(8\)', not 'bicubic\(8\)'"),
        ({"layer": "c3d_flatten"}, "layer=None, not 'c3d_flatten'|width=64, not"),
        ({"degrade": "area(9)"}, r"gives images of \(9, 9\), but the model takes \(8, 8\)"),
        ({"degrade": "noise(0.1)|area(8)"}, "is random, but units are made once"),
        ({"unit": 16}, "unit=16 cannot be used: the model takes clips of 4 frames"),
        ({"stride": 0}, "stride must be an integer of at least 1, got 0"),
        ({"stream": "depth"}, "stream='depth' is unknown: use rgb or flow"),
        ({"resolution": "mr"}, "resolution='mr' is unknown: use lr or hr, or none"),
        ({"batch_size": 0}, "batch_size must be an integer"),
    ],
)
def test_what_cannot_be_used_is_named(model, clips, made, changes, message):
    with pytest.raises(InputError, match=message):
        write_units(model, clips, made[0], **OPTIONS | changes)


def test_other_folders_models_and_manifests_are_refused(model, clips, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(InputError, match=r"holds 'a\.png' and is no folder of unit features"):
        write_units(model, clips, tmp_path / "photos", **OPTIONS)
    with pytest.raises(InputError, match="a.png is a file: name a folder"):
        write_units(model, clips, tmp_path / "photos" / "a.png", **OPTIONS)
    with pytest.raises(InputError, match="no rows"):
        write_units(model, clips.head(0), tmp_path / "out", **OPTIONS)
    images = build_model("steadynet", {"action": Posture(2)}, (8, 8, 3), filters=(2, 2, 2))
    with pytest.raises(InputError, match=r"takes samples of \(8, 8, 3\), but units are clips"):
        write_units(images, clips, tmp_path / "out", **OPTIONS)
    twice = clips.assign(split="train", action=0)
    twice["path"] = [twice["path"][0], twice["path"][0].replace("wave", "run"), twice["path"][2]]
    with pytest.raises(InputError, match="would both be written to .*a.npy: rename one"):
        write_units(model, twice, tmp_path / "out", resolution="lr", **OPTIONS)
