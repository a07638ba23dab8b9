"""The feature store: its values, killed and resumed runs, and what is refused."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.several_sizes import SeveralSizesLoader
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Embedding
from mtl_lowres.layers import FoldFrames
from mtl_lowres.model import build_model, load_model
from mtl_lowres.training.feature_network import FeatureNetwork
from mtl_lowres.training.feature_writer import FeatureWriter
from mtl_lowres.training.features import extract_features, open_features

HR, LR = "area(8)", "area(4)|bicubic(8)"
# Every second view is the mirrored image.
SETTINGS = {"hr": HR, "degrade": [LR], "views": 2, "augment": 'flip(1.0, at="hr")'}
GOOD = [0, 1, 3, 4, 5, 6]


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    options = {"backbone": "steadynet(filters=(4, 6, 8))"}
    return build_model("backbone", {"what": Embedding()}, (8, 8, 3), degrade=HR, **options)


@pytest.fixture(scope="module")
def manifest(bars):
    """Seven rows, the third of which is missing; one has no label."""
    rows = bars.head(7).reset_index(drop=True)
    rows.loc[2, "path"] = "fehlt ü.png"
    rows.loc[4, "posture"] = pd.NA
    return rows


@pytest.fixture(scope="module")
def extract(model, manifest):
    def run(out, **changes):
        options = {"batch_size": 2, "bad_files": BadFiles(len(manifest), 0.5)}
        return extract_features(model, manifest, out, **(SETTINGS | options | changes))

    return run


@pytest.fixture(scope="module")
def store(extract, tmp_path_factory):
    return extract(tmp_path_factory.mktemp("Merkmale ü") / "a b")


@pytest.fixture
def decoded(monkeypatch):
    """Spare the pipeline, whose graph takes seconds to build; row 2 cannot be read."""
    pixels = np.random.default_rng(0).random((2, 7, 2, 8, 8, 3), np.float32)
    pixels[:, 2] = 0

    def read(loader, index, view):
        return tf.gather(tf.gather(pixels, view), index), index != 2

    monkeypatch.setattr(SeveralSizesLoader, "__call__", read)


def _images(paths):
    """Decode without the package."""
    encoded = [np.fromfile(path, np.uint8) for path in paths]
    pixels = np.stack([cv2.imdecode(content, cv2.IMREAD_COLOR) for content in encoded])
    return pixels[..., ::-1].astype(np.float32) / 255


def test_features_are_those_of_the_trunk(store, model, manifest):
    images = _images(manifest["path"][GOOD])
    assert store.width == 8 and store.hr.shape == store.lr[LR].shape == (2, len(GOOD), 8)
    assert store.hr.dtype == np.float32 and isinstance(store.hr, np.memmap)
    for view, seen in enumerate((images, images[:, :, ::-1])):
        high = parse_recipe(HR)(seen)
        np.testing.assert_allclose(store.hr[view], model.trunk(high), atol=1e-5)
        low = parse_recipe(LR)(high)
        np.testing.assert_allclose(store.lr[LR][view], model.trunk(low), atol=1e-5)
    assert not np.allclose(store.hr, store.lr[LR], atol=1e-3)


def test_the_store_tells_what_it_was_made_of(store, model, manifest):
    assert store.manifest["path"].tolist() == manifest["path"][GOOD].tolist()
    assert store.manifest["posture"].isna().tolist() == manifest["posture"][GOOD].isna().tolist()
    assert store.manifest["subject"].tolist() == manifest["subject"][GOOD].tolist()
    settings = json.loads((store.folder / "store.json").read_text(encoding="utf-8"))
    assert settings == store.settings and settings["trunk"] == "backbone"
    assert SETTINGS.items() <= settings.items() and settings["layer"] is None
    assert list(settings["bad_files"]) == ["fehlt ü.png"] and "tensorflow" in settings["versions"]
    inputs = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    kept = load_model(store.folder)
    np.testing.assert_array_equal(kept.trunk(inputs), model.trunk(inputs))
    names = {"store.json", "manifest.csv", "manifest.classes.json", "model", "hr.npy", "lr_0.npy"}
    assert {path.name for path in store.folder.iterdir()} == names
    assert [path.name for path in store.folder.parent.iterdir()] == ["a b"]


@pytest.mark.parametrize("kill", [0, 2, 4, 7])
def test_a_killed_run_goes_on_to_the_same_bits(decoded, extract, tmp_path, monkeypatch, kill):
    """Killed in one of its batches, four a view, while the features are being written."""
    out, append, written = tmp_path / "out", FeatureWriter.append, []
    store = extract(tmp_path / "undisturbed")

    def append_or_die(writer, features, ok):
        if len(written) == kill:
            next(iter(writer._arrays.values())).write(b"half a row")
            raise KeyboardInterrupt
        written.append(len(ok))
        append(writer, features, ok)

    monkeypatch.setattr(FeatureWriter, "append", append_or_die)
    with pytest.raises(KeyboardInterrupt):
        extract(out)
    assert not out.exists()
    with pytest.raises(InputError, match="out is not finished: give the command .* once more"):
        open_features(out)
    with pytest.raises(InputError, match="out.unfinished was made with seed=0, not 1"):
        extract(out, seed=1)

    def count(writer, features, ok):
        written.append(len(ok))
        append(writer, features, ok)

    monkeypatch.setattr(FeatureWriter, "append", count)
    extract(out)
    assert written == [2, 2, 2, 1, 2, 2, 2, 1]
    for name in ("hr.npy", "lr_0.npy", "manifest.csv"):
        assert (out / name).read_bytes() == (store.folder / name).read_bytes()
    assert json.loads((out / "store.json").read_text()) == store.settings


def test_a_finished_store_is_taken_as_it_is(store, extract, monkeypatch):
    monkeypatch.delattr(FeatureWriter, "append")
    again = extract(store.folder, batch_size=3)
    np.testing.assert_array_equal(again.hr, store.hr)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degrade": ["area(2)|bicubic(8)"]}, r"degrade=\['area\(4\).*'\], not \['area\(2\).*'\]"),
        ({"hr": "bicubic(8)"}, r"hr='area\(8\)', not 'bicubic\(8\)': name another folder"),
        ({"layer": "backbone_network_relu1"}, "layer=None, not 'backbone_network_relu1'"),
        ({"views": 3}, "views=2, not 3"),
    ],
)
def test_another_setting_is_named_with_both_values(store, extract, changes, message):
    with pytest.raises(InputError, match=message) as error:
        extract(store.folder, **changes)
    assert str(store.folder) in str(error.value) and "\n" not in str(error.value)


def test_another_model_or_manifest_is_named(store, model, manifest, extract):
    with pytest.raises(InputError, match="manifest_sha256="):
        extract_features(model, manifest[::-1], store.folder, **SETTINGS)
    weight = model.trunk.weights[0]
    weight.assign_add(tf.ones_like(weight))
    with pytest.raises(InputError, match="weights_sha256="):
        extract(store.folder)
    weight.assign_sub(tf.ones_like(weight))


@pytest.mark.parametrize("size", [0, 60, 130, 400])
def test_a_file_cut_short_is_named(store, tmp_path, size):
    shutil.copytree(store.folder, tmp_path / "cut")
    with (tmp_path / "cut" / "lr_0.npy").open("r+b") as file:
        file.truncate(size)
    with pytest.raises(InputError, match=r"lr_0\.npy .*it is cut short: delete .*cut"):
        open_features(tmp_path / "cut")


def test_damaged_stores(store, tmp_path):
    folder = tmp_path / "damaged"
    with pytest.raises(InputError, match="store.json is missing: name the folder of a feature"):
        open_features(folder)
    shutil.copytree(store.folder, folder)
    np.save(folder / "hr.npy", np.zeros((2, 5, 8), np.float32))
    with pytest.raises(InputError, match=r"hr\.npy holds float32 \(2, 5, 8\), but the store"):
        open_features(folder)
    (folder / "hr.npy").unlink()
    with pytest.raises(InputError, match=r"hr\.npy .*it is missing"):
        open_features(folder)
    for text, message in [("{", "cannot be read"), ("[]", "cannot be read"), ("{}", "'degrade'")]:
        (folder / "store.json").write_text(text)
        with pytest.raises(InputError, match=f"store.json .*{message}.* make the store again"):
            open_features(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hr": "area(9)"}, r"hr='area\(9\)' gives images of \(9, 9\), but the model takes \(8, "),
        ({"degrade": ["area(4)"]}, r"degrade='area\(4\)' makes images of \(4, 4\)"),
        ({"degrade": LR}, "give a list of different recipes"),
        ({"degrade": [LR, LR]}, "give a list of different recipes"),
        ({"augment": "flip(0.5)"}, r'flip\(0.5\) changes images after .* add at="hr"'),
        ({"augment": "mixup(0.2)"}, "leave mixup and blend out"),
        ({"augment": None}, "views=2 with augment=None"),
        ({"views": 1}, "views=1 with augment="),
        ({"views": 0}, "views must be an integer of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"layer": "backbone_network_conv9"}, "did you mean 'backbone_network_conv"),
        ({"layer": "nothing like it"}, "name another layer; its last are .*'backbone_pool'"),
    ],
)
def test_options_that_cannot_be_used(extract, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        extract(tmp_path / "out", **changes)
    assert not list(tmp_path.iterdir())


def test_what_is_no_store_is_not_replaced(extract, model, manifest, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    for other in ("photos", "photos/a.png"):
        with pytest.raises(InputError, match="is no feature store and is not replaced"):
            extract(tmp_path / other)
    with pytest.raises(InputError, match="no rows"):
        extract_features(model, manifest.head(0), tmp_path / "out", **SETTINGS)


def test_too_many_bad_files_stop_it_at_once(decoded, extract, tmp_path):
    with pytest.raises(InputError, match="1 of 7 files .* fehlt ü.png: no such file"):
        extract(tmp_path / "out", bad_files=None)


def test_maps_of_a_layer_within_the_backbone_are_averaged(model):
    images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    network = FeatureNetwork(model.trunk, "backbone_network_conv2")
    inner = model.trunk.get_layer("backbone_network")
    maps = tf.keras.Model(inner.input, inner.get_layer("backbone_network_conv2").output)(images)
    assert maps.shape == (3, 4, 4, 6) and network.width == 6
    np.testing.assert_allclose(network(images), np.mean(maps, axis=(1, 2)), atol=1e-6)
    whole = FeatureNetwork(model.trunk, "backbone_network")
    np.testing.assert_allclose(whole(images), model.trunk(images), atol=1e-6)


def test_layers_that_give_no_features_of_a_sample():
    clip = tf.keras.Input((4, 2, 2, 3))
    frames = FoldFrames(name="frames")(clip)
    trunk = tf.keras.Model(clip, tf.keras.layers.Flatten()(clip))
    trunk = tf.keras.Model(clip, [trunk.output, frames])
    with pytest.raises(InputError, match="gives several tensors"):
        FeatureNetwork(trunk)
    network = FeatureNetwork(trunk, "frames")
    with pytest.raises(InputError, match="layer='frames' sees every frame of a clip alone"):
        network(tf.zeros((2, 4, 2, 2, 3)))
