"""pack_images: the same training inputs from shards as from files, and what cannot be packed."""

import struct

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.check import check_files
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import check_manifest
from mtl_lowres.data.packed import file_of, is_packed, read_contents
from mtl_lowres.data.packing import pack_images
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError

COUNT = 7


@pytest.fixture
def manifest(tmp_path):
    """Seven images of two formats in a folder with a space and an umlaut, the first named twice."""
    folder = tmp_path / "Bilder für alle"
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(COUNT):
        path = folder / f"{number}.{'jpg' if number % 2 else 'png'}"
        image = rng.integers(0, 255, (20 + number, 24, 3), np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
        paths.append(str(path))
    return pd.DataFrame({"path": [*paths, paths[0]], "posture": np.arange(COUNT + 1) % COUNT % 3})


def _inputs(manifest, **options):
    options = {"degrade": "area(6)", "batch_size": 3, "training": True} | options
    batches = make_dataset(manifest, ["posture"], **options)
    return [(x, y["posture"], w["posture"]) for x, y, w in batches.as_numpy_iterator()]


@pytest.mark.parametrize(
    "options",
    [{}, {"cache": "none", "degrade": "area(6)|noise(0.1)"}, {"clip": "uniform(2)"}],
    ids=["cached", "random", "clips"],
)
def test_inputs_are_those_of_the_files(manifest, tmp_path, options):
    packed = pack_images(manifest, tmp_path / "gepackt")
    assert packed["path"].map(is_packed).all()
    assert packed["file"].tolist() == manifest["path"].tolist()
    for ours, theirs in zip(_inputs(packed, **options), _inputs(manifest, **options), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_records_are_the_files_and_readable_as_tfrecords(manifest, tmp_path):
    packed = pack_images(manifest, tmp_path / "out", shard_megabytes=1)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "manifest.csv",
        "shard-00000.tfrecord",
    ]
    first_rows = packed.head(COUNT)  # the last row is of the first file, which is packed once
    records = list(tf.data.TFRecordDataset(str(file_of(packed["path"][0]))).as_numpy_iterator())
    assert records == [read_contents(path) for path in first_rows["path"]]
    assert records == [read_contents(path) for path in first_rows["file"]]
    assert packed["path"][COUNT] == packed["path"][0]
    check_manifest(packed, tasks=["posture"])
    assert check_files(packed, progress=False).empty


def test_a_shard_ends_with_the_record_that_fills_it(tmp_path):
    paths = []
    for number in range(3):
        np.random.default_rng(number).integers(0, 255, (500, 500, 3), np.uint8).tofile(
            tmp_path / "raw"
        )
        pixels = np.fromfile(tmp_path / "raw", np.uint8).reshape(500, 500, 3)
        paths.append(str(tmp_path / f"{number}.bmp"))
        cv2.imwrite(paths[-1], pixels)  # 750,054 bytes
    packed = pack_images(pd.DataFrame({"path": paths}), tmp_path / "out", shard_megabytes=1)
    places = [path.removeprefix(f"{tmp_path}/out/") for path in packed["path"]]
    first, second = "shard-00000.tfrecord", "shard-00001.tfrecord"
    assert places == [f"{first}#0", f"{first}#{750_054 + 16}", f"{second}#0"]


def test_degraded_images_need_no_further_degradation(manifest, tmp_path):
    packed = pack_images(manifest, tmp_path / "out", degrade="bicubic(3)|area(6)")
    theirs = _inputs(manifest, degrade="bicubic(3)|area(6)")
    for ours, other in zip(_inputs(packed), theirs, strict=True):
        np.testing.assert_array_equal(ours[0], other[0])


def test_bad_files_are_named_and_left_out(manifest, tmp_path):
    bad = manifest["path"][2]
    file_of(bad).write_bytes(b"not an image")
    with pytest.raises(InputError, match="1 of 7 files cannot be used.*2.png: not an image"):
        pack_images(manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    found = BadFiles(COUNT, budget=0.2)
    packed = pack_images(manifest, tmp_path / "out", bad_files=found)
    assert len(packed) == COUNT and list(found.reasons) == [bad]
    with pytest.raises(InputError, match="none of the 1 files"):
        pack_images(manifest[2:3], tmp_path / "none", bad_files=BadFiles(1, budget=1.0))


def test_arrays_of_frames_stay_files(manifest, tmp_path):
    np.save(tmp_path / "clip.npy", np.zeros((5, 8, 9, 3), np.uint8))
    rows = pd.DataFrame({"path": [str(tmp_path / "clip.npy"), manifest["path"][0]]})
    packed = pack_images(rows, tmp_path / "out")
    assert packed["path"].map(is_packed).tolist() == [False, True]
    assert packed["path"][0] == rows["path"][0]
    clips = next(iter(make_dataset(packed, degrade="area(4)", clip="uniform(2)")))[0]
    assert clips.shape == (2, 2, 4, 4, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degrade": "area(6)|noise(0.1)"}, "is random"),
        ({"degrade": "area(1/2)"}, "does not fix the size"),
        ({"shard_megabytes": 0}, "shard_megabytes"),
        ({"workers": 0}, "workers"),
    ],
)
def test_options_that_cannot_be_used(manifest, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        pack_images(manifest, tmp_path / "out", **options)


def test_a_folder_that_holds_something_is_refused(manifest, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="name an absent or empty folder"):
        pack_images(manifest, tmp_path / "out")
    with pytest.raises(InputError, match="no rows to pack"):
        pack_images(manifest.head(0), tmp_path / "new")


def test_a_damaged_shard_is_bad_files_and_no_crash(manifest, tmp_path):
    packed = pack_images(manifest.head(COUNT), tmp_path / "out")
    shard = file_of(packed["path"][0])
    data = bytearray(shard.read_bytes()[:-40])  # the last record is cut
    data[:8] = struct.pack("<Q", 2**62)  # the first claims to be huge
    shard.write_bytes(data)
    found = BadFiles(COUNT, budget=0.5)
    images = np.concatenate([x for x, *_ in _inputs(packed, bad_files=found, cache="none")])
    assert len(images) == COUNT - 2
    assert list(found.to_frame()["path"]) == sorted([packed["path"][0], packed["path"][COUNT - 1]])
    assert "no whole record begins at 0" in found.reasons[packed["path"][0]]
    shard.unlink()
    assert set(check_files(packed, progress=False)["reason"]) == {"no such file"}
