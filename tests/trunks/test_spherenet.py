import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks import spherenet

SHAPE = (16, 16, 3)
# One unit of a stage: two 3x3 convolutions without bias, each with a slope per channel.
UNIT = [2 * (9 * c * c + c) for c in (64, 128, 256, 512)]
# The four convolutions of stride 2 with bias and slopes, and 512 of 512 features.
PLAIN = (1_792 + 64) + (73_856 + 128) + (295_168 + 256) + (1_180_160 + 512) + 262_656


@pytest.mark.parametrize(
    ("layers", "units"),
    [
        (4, (0, 0, 0, 0)),
        (10, (0, 1, 2, 0)),
        (20, (1, 2, 4, 1)),
        (36, (2, 4, 8, 2)),
        (64, (3, 8, 16, 3)),
    ],
)
def test_parameters(layers, units):
    """16x16 pixels leave one place for the dense layer."""
    with tf.Graph().as_default():  # which initialises nothing, so that it is quick
        model = spherenet(SHAPE, layers=layers)
    assert model.count_params() == PLAIN + np.dot(units, UNIT)
    convolutions = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    assert len(convolutions) == layers


def test_the_published_size_leaves_7_by_6_places():
    with tf.Graph().as_default():
        model = spherenet((112, 96, 3), layers=4)
    assert model.get_layer("spherenet_stage4_prelu").output.shape[1:] == (7, 6, 512)
    assert model.get_layer("spherenet_fc").kernel.shape == (7 * 6 * 512, 512)


def test_images_enter_between_minus_one_and_one():
    """(x * 255 - 127.5) / 128 of 0, a half and 1."""
    layer = spherenet(SHAPE, layers=4).get_layer("spherenet_scaled")
    expected = [-127.5 / 128, 0, 127.5 / 128]
    np.testing.assert_allclose(layer(tf.constant([0.0, 0.5, 1.0])), expected, atol=1e-6)


def test_initial_weights():
    model = spherenet(SHAPE, layers=10)
    kernel = model.get_layer("spherenet_stage3_unit1_conv1").kernel.numpy()
    assert kernel.std() == pytest.approx(0.01, rel=0.01)
    slopes = model.get_layer("spherenet_stage3_unit1_prelu1").alpha
    np.testing.assert_array_equal(slopes, np.full([1, 1, 256], 0.25))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 18}, "layers=18 cannot be used: choose 4, 10, 20, 36, 64"),
        ({"embedding": 0}, "embedding=0 cannot"),
        ({"embedding": 51.2}, "embedding=51.2 cannot"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(InputError, match=message):
        spherenet(SHAPE, **options)
