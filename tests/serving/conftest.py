"""A small clip model and a folder of clips, for the tests of serving."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import Age, Identity, Posture
from mtl_lowres.model import build_model
from mtl_lowres.registry import TRUNKS
from mtl_lowres.serving.export import export
from tests.toy_people import people_model, toy_trunk

FRAMES = 3
TEMPERATURES = [
    {"size": [8, 8], "temperature": 2.0},
    {"size": [4, 6], "temperature": 5.0},
]
THRESHOLDS = [{"size": [8, 8], "threshold": 0.9}, {"size": [4, 4], "threshold": -0.99}]
CALIBRATION = {"temperature": {"posture": TEMPERATURES}, "threshold": {"face": THRESHOLDS}}


@pytest.fixture(scope="session")
def toy_clip():
    """Name of a trunk that tells the frames of a clip apart; registered for these tests only."""

    def toy(input_shape):
        clip = tf.keras.Input(input_shape, name="toy_clip_input")
        x = tf.keras.layers.Flatten(name="toy_clip_flat")(clip)
        x = tf.keras.layers.Dense(6, "tanh", name="toy_clip_dense")(x)
        return tf.keras.Model(clip, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRUNKS._entries, "toy_clip", toy)
        yield "toy_clip"


@pytest.fixture(scope="session")
def clip_model(toy_clip):
    tf.keras.utils.set_random_seed(2)
    return build_model(
        toy_clip,
        {"posture": Posture(3), "identity": Identity(2), "age": Age("mean_variance")},
        (FRAMES, 8, 8, 3),
        class_names={"posture": ["stand", "sit", "lie ✓"]},
        degrade="area(8)",
    )


@pytest.fixture(scope="session")
def clips():
    """Two clips of three frames of different sizes, uint8 [t, h, w, 3] in RGB."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (FRAMES, *size, 3), np.uint8) for size in ((24, 32), (40, 17))]


@pytest.fixture(scope="session")
def calibrated_model():
    """A model that names postures and embeds faces, with temperatures and thresholds."""
    with toy_trunk():
        model = people_model()
    model.description["calibration"] = CALIBRATION
    return model


@pytest.fixture(scope="session")
def calibrated_export(calibrated_model, tmp_path_factory):
    """Its version folder and what is loaded from there."""
    path = export(calibrated_model, tmp_path_factory.mktemp("exports") / "kalibriert ü")
    return path, tf.saved_model.load(str(path))
