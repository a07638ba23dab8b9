import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.losses import LabelledMeanLoss


class SquaredError(LabelledMeanLoss):
    def call(self, y_true, y_pred):
        return tf.square(y_true - y_pred)


LABELS = tf.constant([0.0, 0.0, 0.0])
PREDICTIONS = tf.constant([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, (1 + 4 + 9) / 3),
        ([1.0, 1.0, 1.0], (1 + 4 + 9) / 3),
        ([1.0, 0.0, 1.0], (1 + 9) / 2),
        ([0.5, 0.0, 1.5], (0.5 * 1 + 1.5 * 9) / 2),
        ([0, 1, 0], 4.0),
        ([0.0, 0.0, 0.0], 0.0),
    ],
)
def test_weighted_mean_over_the_labelled(weights, expected):
    assert float(SquaredError()(LABELS, PREDICTIONS, weights)) == pytest.approx(expected)


def test_weights_with_a_trailing_axis_as_keras_gives_them():
    assert float(SquaredError()(LABELS, PREDICTIONS, [[1.0], [0.0], [1.0]])) == 5.0


def test_a_missing_label_may_be_nan():
    labels = tf.constant([0.0, np.nan, 0.0])
    assert float(SquaredError()(labels, PREDICTIONS, [1.0, 0.0, 1.0])) == 5.0


def test_empty_batch():
    assert float(SquaredError()(tf.zeros([0]), tf.zeros([0]))) == 0.0


def test_fit_minimises_the_mean_over_the_labelled():
    """The bias b of y = b has gradient 2 (b - label) averaged over the labelled: here -2."""
    inputs = tf.keras.Input([1])
    output = tf.keras.layers.Dense(1, kernel_initializer="zeros", name="y")(inputs)
    model = tf.keras.Model(inputs, tf.keras.layers.Flatten()(output)[:, 0])
    model.compile(tf.keras.optimizers.SGD(0.25), loss=SquaredError())
    labels, weights = np.array([1.0, 50.0, 1.0, 50.0]), np.array([1.0, 0.0, 1.0, 0.0])
    model.fit(np.zeros([4, 1]), labels, sample_weight=weights, batch_size=4, verbose=0)
    assert float(model.get_layer("y").bias[0]) == pytest.approx(0.5)
