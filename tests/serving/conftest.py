"""A small clip model and a folder of clips, for the tests of serving."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import Age, Identity, Posture
from mtl_lowres.model import build_model
from mtl_lowres.registry import TRUNKS

FRAMES = 3


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
