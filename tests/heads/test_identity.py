import json

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Identity
from mtl_lowres.heads.identity_methods import METHODS
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
    np.testing.assert_allclose(np.linalg.norm(head.embedding_of(output), axis=1), 1, rtol=1e-5)
    served = head.serve(tf.constant(output))
    np.testing.assert_array_equal(served["embedding"], output[:, 3:])


def test_probabilities_are_a_softmax_of_the_embedding_that_is_served():
    """logits = sqrt(width) * embedding . kernel + bias."""
    head = Identity(3, "triplet", embedding=4)
    inputs = tf.keras.Input([4])
    model = tf.keras.Model(inputs, head.build(inputs, "identity"))
    output = model.predict(np.random.default_rng(0).normal(size=(5, 4)), verbose=0)
    kernel, bias = model.get_layer("identity_logits").get_weights()
    logits = np.exp(2 * head.embedding_of(output) @ kernel + bias)
    expected = logits / logits.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.probabilities(output), expected, rtol=1e-4)


def test_a_head_without_embedding_says_so():
    assert not Identity(3).embeds
    with pytest.raises(InputError, match="loss='softmax' has no embedding here"):
        Identity(3).embedding_of(np.zeros([1, 3]))


def built(head, width=8):
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input([width])
    return tf.keras.Model(inputs, head.build(inputs, "identity"))


def features(samples, width=8):
    return np.random.default_rng(0).normal(size=(samples, width)).astype(np.float32)


@pytest.mark.parametrize("loss", METHODS)
@pytest.mark.parametrize("embedding", [0, 5])
def test_output_is_probabilities_and_ends_in_the_embedding(loss, embedding):
    head = Identity(3, loss, embedding=embedding)
    model, x = built(head), features(4)
    output = model(x).numpy()
    np.testing.assert_allclose(head.probabilities(output).sum(axis=1), 1, rtol=1e-5)
    expected = x
    if embedding:
        kernel, bias = model.get_layer("identity_projection").get_weights()
        expected = x @ kernel + bias
    if loss == "triplet":
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(head.embedding_of(output), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", METHODS)
def test_config_round_trip_through_json(loss):
    head = Identity(3, loss, embedding=5)
    copy = Identity.from_config(json.loads(json.dumps(head.get_config())))
    assert copy.get_config() == head.get_config()
    assert copy.loss().get_config() == head.loss().get_config()
    copy = tf.keras.losses.deserialize(tf.keras.losses.serialize(head.loss()))
    assert copy.get_config() == head.loss().get_config()


@pytest.mark.parametrize(("loss", "scale"), [("am_softmax", 7.0), ("a_softmax", None)])
def test_margin_probabilities_by_numpy(loss, scale):
    """A softmax of scale * cosine, or for A-Softmax length * cosine, of the nearest centre."""
    head = Identity(3, loss, centres=2, **({"scale": scale} if scale else {}))
    model, x = built(head), features(4)
    output = model(x).numpy()
    (kernel,) = model.get_layer("identity_class_vectors").get_weights()
    length = np.linalg.norm(x, axis=1, keepdims=True)
    cosines = (x / length) @ (kernel / np.linalg.norm(kernel, axis=0))
    cosines = cosines.reshape(4, 3, 2).max(axis=-1)
    np.testing.assert_allclose(output[:, 3:6], cosines, rtol=1e-4, atol=1e-5)
    logits = np.exp((scale or length) * cosines)
    expected = logits / logits.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.probabilities(output), expected, rtol=1e-4)


@pytest.mark.parametrize("embedding", [0, 5])
@pytest.mark.parametrize("loss", ["center", "a_softmax", "am_softmax", "arcface", "adaface"])
def test_weights_fit_those_of_a_softmax(loss, embedding):
    """So that training can start from one: every weight of it has its like, name and shape."""
    shapes = [
        {w.name: w.shape for w in built(Identity(3, kind, embedding=embedding)).weights}
        for kind in ("softmax", loss)
    ]
    assert shapes[0].items() <= shapes[1].items()


@pytest.mark.parametrize("loss", [*METHODS, "squared_hinge"])
def test_ten_steps_stay_finite(loss):
    """At the published rate of 0.1 on random labels, with gradients of limited norm."""
    head = Identity(3, loss)
    model = built(head)
    optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0)
    model.compile(optimizer, loss=head.loss(), run_eagerly=True)
    x = features(16)
    x[0], x[1] = 0, 100 * x[1]
    y = np.random.default_rng(1).integers(0, 3, 16)
    log = model.fit(x, y, epochs=10, batch_size=16, verbose=0).history
    assert np.isfinite(log["loss"]).all()
    assert np.isfinite(model(x)).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_adaface_measures_quality_by_the_length_of_recent_batches():
    """After one batch: mean 20 + (mean - 20) / 100, deviation 100 + (deviation - 100) / 100."""
    head = Identity(3, "adaface")
    model, x = built(head), features(6)
    model(x, training=True)
    lengths = np.linalg.norm(x, axis=1)
    mean, deviation = 0.99 * 20 + 0.01 * lengths.mean(), 99 + 0.01 * lengths.std()
    quality = model(x)[:, 6].numpy()
    np.testing.assert_allclose(quality, (lengths - mean) / (deviation + 1e-3), rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.2}, "margin=0.2 has no effect on loss 'softmax'.*'triplet'"),
        ({"loss": "squared_hinge", "label_smoothing": 0.1}, "label_smoothing=0.1 has no effect"),
        ({"loss": "triplet", "margin": 0}, "margin=0 cannot"),
        ({"loss": "triplet", "margin": 2.5}, "margin=2.5 cannot"),
        ({"loss": "triplet", "embedding": 1}, "embedding=1 cannot"),
        ({"loss": "triplet", "embedding": 8.0}, "embedding=8.0 cannot"),
        ({"loss": "squared_hinge", "embedding": 8}, "embedding=8 has no effect"),
        ({"loss": "a_softmax", "scale": 30}, "scale=30 has no effect on loss 'a_softmax'"),
        ({"loss": "a_softmax", "margin": 0.35}, "margin=0.35 cannot"),
        ({"loss": "arcface", "centres": 0}, "centres=0 cannot"),
        ({"loss": "am_softmax", "label_smoothing": 0.1}, "label_smoothing=0.1 has no effect"),
        ({"loss": "center", "center_weight": 0}, "center_weight=0 cannot"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(InputError, match=message):
        Identity(4, **options)
