import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import CentreDistances, CosineLogits, StandardisedLength, VectorLength

VECTORS = np.array([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]], np.float32)


def test_cosines_by_hand():
    """Class vectors along x and, three times as long, along y."""
    layer = CosineLogits(2)
    layer.build([None, 2])
    layer.set_weights([np.array([[1.0, 0.0], [0.0, 3.0]])])
    np.testing.assert_allclose(layer(VECTORS), [[0.6, 0.8], [0, -1], [0, 0]], atol=1e-6)


def test_the_nearest_centre_of_a_class_counts():
    """Class 0 at +x and -x, class 1 at +y twice."""
    layer = CosineLogits(2, centres=2)
    layer.build([None, 2])
    layer.set_weights([np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])])
    np.testing.assert_allclose(
        layer(tf.constant([[-2.0, 1.0]])), [[4**0.5 / 5**0.5, 5**-0.5]], rtol=1e-5
    )


def test_distances_by_hand():
    layer = CentreDistances(2)
    assert layer(VECTORS).numpy()[0].tolist() == [25, 25]
    layer.set_weights([np.array([[3.0, 0.0], [0.0, -2.0]])])
    np.testing.assert_allclose(layer(VECTORS), [[16, 45], [13, 0], [9, 4]], atol=1e-5)


def test_lengths_and_their_gradient_at_0():
    vectors = tf.Variable(VECTORS)
    with tf.GradientTape() as tape:
        lengths = VectorLength()(vectors)
    np.testing.assert_allclose(lengths, [[5], [2], [0]], atol=2e-6)
    gradient = tape.gradient(lengths, vectors)
    np.testing.assert_allclose(gradient, [[0.6, 0.8], [0, -1], [0, 0]], atol=1e-6)


def test_standardised_lengths_by_hand():
    """Momentum 1 takes the batch's own mean 3.5 and deviation 1.5; prediction keeps them."""
    layer = StandardisedLength(1.0)
    vectors = tf.Variable(VECTORS[:2])
    with tf.GradientTape() as tape:
        standardised = layer(vectors, training=True)
    np.testing.assert_allclose(standardised, [[1], [-1]], rtol=1e-3)
    assert tape.gradient(standardised, vectors) is None
    np.testing.assert_allclose(layer(VECTORS[:1]), [[1]], rtol=1e-3)
    layer(VECTORS[:1], training=True)
    assert [float(w) for w in layer.weights] == pytest.approx([5, 0])


@pytest.mark.parametrize(
    "layer", [CosineLogits(3, 2), CentreDistances(3), VectorLength(), StandardisedLength(0.5)]
)
def test_config_and_shape(layer):
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert copy.get_config() == layer.get_config()
    assert layer.compute_output_shape((None, 2)) == (None, layer(VECTORS).shape[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosineLogits(0), "classes=0 cannot"),
        (lambda: CosineLogits(3, 1.5), "centres=1.5 cannot"),
        (lambda: StandardisedLength(0), "momentum=0 cannot"),
    ],
)
def test_refused_options(make, message):
    with pytest.raises(InputError, match=message):
        make()
