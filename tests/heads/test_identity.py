import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Identity
from mtl_lowres.losses import SquaredHinge


def test_loss_is_the_cross_entropy():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    expected = -(np.log(0.9) + np.log(0.2)) / 2
    assert float(Identity(2).loss()([0, 0], probabilities)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "triplet"])
def test_label_smoothing_reaches_the_loss(loss):
    head = Identity.from_config(Identity(2, loss, label_smoothing=0.2).get_config())
    assert head.loss().get_config()["label_smoothing"] == 0.2


def test_squared_hinge_by_name():
    assert type(Identity(5, "squared_hinge").loss()) is SquaredHinge


def test_triplet_output_is_probabilities_and_a_unit_vector():
    head = Identity(3, "triplet", embedding=6)
    inputs = tf.keras.Input([4])
    model = tf.keras.Model(inputs, head.build(inputs, "identity"))
    output = model.predict(np.random.default_rng(0).normal(size=(5, 4)), verbose=0)
    assert output.shape == (5, 9)
    np.testing.assert_allclose(head.probabilities(output).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(head.embeddings(output), axis=1), 1, rtol=1e-5)
    served = head.serve(tf.constant(output))
    np.testing.assert_array_equal(served["embedding"], output[:, 3:])


def test_probabilities_are_a_softmax_of_the_embedding_that_is_served():
    """logits = sqrt(width) * embedding . kernel + bias."""
    head = Identity(3, "triplet", embedding=4)
    inputs = tf.keras.Input([4])
    model = tf.keras.Model(inputs, head.build(inputs, "identity"))
    output = model.predict(np.random.default_rng(0).normal(size=(5, 4)), verbose=0)
    kernel, bias = model.get_layer("identity_logits").get_weights()
    logits = np.exp(2 * head.embeddings(output) @ kernel + bias)
    expected = logits / logits.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.probabilities(output), expected, rtol=1e-4)


def test_a_head_without_embedding_says_so():
    with pytest.raises(InputError, match="loss='softmax' has no embedding"):
        Identity(3).embeddings(np.zeros([1, 3]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.2}, "margin=0.2 has no effect on loss 'softmax'.*'triplet'"),
        ({"loss": "squared_hinge", "label_smoothing": 0.1}, "label_smoothing=0.1 has no effect"),
        ({"loss": "triplet", "margin": 0}, "margin=0 cannot"),
        ({"loss": "triplet", "margin": 2.5}, "margin=2.5 cannot"),
        ({"loss": "triplet", "embedding": 1}, "embedding=1 cannot"),
        ({"loss": "triplet", "embedding": 8.0}, "embedding=8.0 cannot"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(InputError, match=message):
        Identity(4, **options)
