import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Embedding

FEATURES = np.array([[1.0, -2.0, 0.1234567], [0.0, 3.0, 4.0]], np.float32)


def test_width_0_leaves_the_features_as_they_are():
    head = Embedding()
    inputs = tf.keras.Input([3])
    model = tf.keras.Model(inputs, head.build(inputs, "face"))
    output = model(FEATURES)
    np.testing.assert_array_equal(output, FEATURES)
    assert head.embeds
    assert head.embedding_of(output) is output
    assert not model.weights


def test_it_has_neither_classes_nor_unit():
    head = Embedding(8)
    assert (head.classes, head.unit) == (None, None)


def test_decoded_to_six_decimals():
    answer = Embedding().decode(FEATURES)[0]
    assert answer == {"label": "embedding of 3 numbers", "embedding": [1.0, -2.0, 0.123457]}


def test_cosine_counts_labelled_samples_alone():
    """Cosine 1, 0 and, without a label, -1."""
    (metric,) = Embedding().metrics()
    truth = np.array([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], np.float32)
    metric.update_state(truth, tf.constant([[1.0, 0.0]] * 3), sample_weight=[[1.0], [1.0], [0.0]])
    assert float(metric.result()) == pytest.approx(0.5)


def test_other_heads_have_no_embedding():
    assert not Age().embeds
    with pytest.raises(InputError, match="the head Age has no embedding: use Embedding"):
        Age().embedding_of(FEATURES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "l1"}, "unknown loss 'l1': known are l2, cosine, relational"),
        ({"width": 1}, "width=1 cannot"),
        ({"width": -4}, "width=-4 cannot"),
        ({"width": 12.5}, "width=12.5 cannot"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(InputError, match=message):
        Embedding(**options)
