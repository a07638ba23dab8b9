"""Parameters, multiply-adds and latency against counts by hand."""

import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.cost import latency, multiply_adds, parameters
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model

layers = tf.keras.layers


def _model(shape, *stack):
    inputs = x = tf.keras.Input(shape)
    for layer in stack:
        x = layer(x)
    return tf.keras.Model(inputs, x)


def test_lownet_as_published():
    """Three convolutions at 16, 16 and 8 pixels, dense layers 2048 -> 128 -> 64 -> 38."""
    model = build_model("lownet", {"posture": Posture(38)}, (16, 16, 3))
    convolutions = 16 * 16 * 32 * (9 * 3) + 16 * 16 * 64 * (9 * 32) + 8 * 8 * 128 * (9 * 64)
    assert multiply_adds(model) == convolutions + 2048 * 128 + 128 * 64 + 64 * 38
    assert parameters(model) == 366_246


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((8, 8, 4), lambda: layers.Conv2D(6, 3), 6 * 6 * 6 * 9 * 4),
        ((8, 8, 4), lambda: layers.Conv2D(6, 3, strides=2, padding="same"), 4 * 4 * 6 * 9 * 4),
        ((8, 4), lambda: layers.Conv1D(6, 3), 6 * 6 * 3 * 4),
        ((5, 8, 8, 2), lambda: layers.Conv3D(3, 3), 3 * 6 * 6 * 3 * 27 * 2),
        ((8, 8, 4), lambda: layers.DepthwiseConv2D(3), 6 * 6 * 4 * 9),
        ((8, 8, 4), lambda: layers.SeparableConv2D(6, 3), 6 * 6 * 4 * 9 + 6 * 6 * 4 * 6),
        ((4, 4, 2), lambda: layers.Conv2DTranspose(3, 2, strides=2), 4 * 4 * 2 * 4 * 3),
        ((7,), lambda: layers.Dense(5), 35),
        ((3, 7), lambda: layers.Dense(5), 3 * 35),
        ((3, 7), lambda: layers.TimeDistributed(layers.Dense(5)), 3 * 35),
        # Four gates, each a product with the input and one with the state, at each of 5 steps.
        ((5, 3), lambda: layers.LSTM(8), 5 * 4 * 8 * (3 + 8)),
        ((5, 3), lambda: layers.LSTM(8, return_sequences=True), 5 * 4 * 8 * (3 + 8)),
        ((5, 3), lambda: layers.Bidirectional(layers.GRU(4)), 2 * 5 * 3 * 4 * (3 + 4)),
        ((8, 8, 4), lambda: layers.MaxPooling2D(), 0),
    ],
)
def test_layer_by_hand(shape, layer, expected):
    assert multiply_adds(_model(shape, layer())) == expected


def test_attention():
    """Queries, keys and values of 6 units from 4 steps: scores 4 x 4 x 6, answers the same."""
    inputs = tf.keras.Input([4, 6])
    model = tf.keras.Model(inputs, layers.Attention()([inputs, inputs]))
    assert multiply_adds(model) == 2 * 4 * 4 * 6
    heads = tf.keras.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, inputs))
    # Projections 4 times (query, key, value, output), then both products over 2 heads of 3.
    assert multiply_adds(heads) == 4 * (4 * 6 * 6) + 2 * (2 * 4 * 4 * 3)


def test_steps_that_the_input_decides_are_refused():
    with pytest.raises(InputError, match="fixed number of steps"):
        multiply_adds(_model((None, 3), layers.LSTM(8)))


def test_shape_that_the_input_decides_is_refused():
    with pytest.raises(InputError, match="fixed input shape"):
        multiply_adds(_model((None, None, 3), layers.Conv2D(8, 3)))


def test_latency_is_a_positive_time():
    model = _model((4,), layers.Dense(2))
    assert 0 < latency(model, batch_size=3, repeats=3) < 1
    inputs = {"lr": tf.keras.Input([4]), "hr": tf.keras.Input([4])}
    several = tf.keras.Model(inputs, layers.Add()(list(inputs.values())))
    assert latency(several, repeats=1) > 0
