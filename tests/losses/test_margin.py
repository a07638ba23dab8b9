import math

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import CosineLogits
from mtl_lowres.losses import AdaFace, AMSoftmax, ArcFace, ASoftmax
from mtl_lowres.losses.margin import a_softmax, adaface, am_softmax, arcface

ANGLES = np.linspace(0.01, math.pi - 0.01, 41)
COSINES = np.cos(ANGLES).astype(np.float32)


def golden_loss(golden, loss, embedding):
    """The reference's mean loss; a softmax over cosines needs no probabilities."""
    layer = CosineLogits(7)
    layer.build(embedding.shape)
    layer.set_weights([golden["margin_class_vectors"].T])
    columns = [tf.zeros([12, 7]), layer(embedding)]
    if isinstance(loss, ASoftmax):
        columns.append(tf.norm(embedding, axis=-1, keepdims=True))
    return loss(golden["margin_label"], tf.concat([*columns, embedding], axis=-1))


@pytest.mark.parametrize(
    ("margin", "step"), [(4, 0), (4, 1000), (4, 100_000), (1, 100_000), (2, 100_000), (3, 100_000)]
)
def test_golden_a_softmax(golden, margin, step):
    loss = ASoftmax(7, margin)
    loss.blend.assign(float(golden[f"a_softmax_m4_step{step}_lambda"]))
    result = golden_loss(golden, loss, tf.constant(golden["margin_embedding"]))
    np.testing.assert_allclose(result, golden[f"a_softmax_m{margin}_step{step}_loss"], rtol=1e-5)


def test_golden_gradient_of_a_softmax(golden):
    loss = ASoftmax(7, 4)
    loss.blend.assign(5.0)
    embedding = tf.Variable(golden["margin_embedding"])
    with tf.GradientTape() as tape:
        value = golden_loss(golden, loss, embedding)
    expected = golden["a_softmax_m4_step100000_grad_embedding"]
    gradient = tape.gradient(value, embedding).numpy()
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_golden_am_softmax(golden):
    result = golden_loss(golden, AMSoftmax(7, 0.35, 20), tf.constant(golden["margin_embedding"]))
    np.testing.assert_allclose(result, golden["am_softmax_s20_m0.35_loss"], rtol=1e-5)


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 7])
def test_a_softmax_of_angles(margin):
    """psi = (-1)^k cos(m theta) - 2k with k = floor(m theta / pi), blended with lambda 3."""
    k = np.floor(margin * ANGLES / math.pi)
    psi = (-1) ** k * np.cos(margin * ANGLES) - 2 * k
    result = a_softmax(tf.constant(COSINES), margin, 3.0)
    np.testing.assert_allclose(result, (3 * np.cos(ANGLES) + psi) / 4, atol=2e-4)


def test_a_softmax_falls_with_the_angle():
    assert (np.diff(a_softmax(tf.constant(COSINES), 4, 0.0)) < 0).all()


def test_am_softmax_subtracts():
    np.testing.assert_allclose(am_softmax(tf.constant([0.5, -1.0]), 0.2), [0.3, -1.2], rtol=1e-6)


def test_arcface_adds_to_the_angle_and_falls_beyond_pi():
    result = arcface(tf.constant(COSINES), 0.5).numpy()
    within = np.less(ANGLES, math.pi - 0.5)
    np.testing.assert_allclose(result[within], np.cos(ANGLES[within] + 0.5), atol=1e-4)
    beyond = np.cos(ANGLES[~within]) - 0.5 * math.sin(0.5)
    np.testing.assert_allclose(result[~within], beyond, atol=1e-5)
    assert (np.diff(result) < 0).all()


@pytest.mark.parametrize("quality", [-1.0, 0.0, 0.5])
def test_adaface_between_arcface_and_cosface(quality):
    """cos(theta - m q) - (m q + m), the angle kept within [0, pi]."""
    angles = np.clip(ANGLES - 0.4 * quality, 0, math.pi)
    result = adaface(tf.constant(COSINES), 0.4, tf.constant(quality))
    np.testing.assert_allclose(result, np.cos(angles) - 0.4 * (1 + quality), atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda cosine: a_softmax(cosine, 4, 5.0),
        lambda cosine: am_softmax(cosine, 0.35),
        lambda cosine: arcface(cosine, 0.5),
        lambda cosine: adaface(cosine, 0.4, tf.constant(0.3)),
    ],
    ids=["a_softmax", "am_softmax", "arcface", "adaface"],
)
def test_gradients_are_finite_at_both_ends(change):
    cosine = tf.Variable([1.0, 1.0000001, -1.0, -1.0000001, 0.0])
    with tf.GradientTape() as tape:
        value = change(cosine)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, cosine)).all()


def test_arcface_by_hand():
    """Own cosine 0.6: theta 0.9273, cos(1.4273) = 0.14303; logits 10 * (0.14303, 0)."""
    output = np.array([[0.5, 0.5, 0.6, 0.0, 1.0, 2.0]], np.float32)
    expected = math.log(1 + math.exp(-1.4303))
    assert float(ArcFace(2, 0.5, 10)([0], output)) == pytest.approx(expected, rel=1e-3)


def test_adaface_reads_the_standardised_length():
    """h 0.5 and length 0.8 give quality 0.4; the angle 0.9273 less 0.16 has the cosine 0.7197."""
    output = np.array([[0.5, 0.5, 0.6, 0.0, 0.8, 9.0]], np.float32)
    logit = 10 * (math.cos(math.acos(0.6) - 0.16) - 0.4 * 1.4)
    expected = math.log(1 + math.exp(-logit))
    loss = AdaFace(2, 0.4, 10, concentration=0.5)
    assert float(loss([0], output)) == pytest.approx(expected, rel=1e-4)


def test_distributions_are_refused():
    with pytest.raises(InputError, match="'am_softmax' takes one class .* without mixup"):
        AMSoftmax(3)(np.full([2, 3], 1 / 3, np.float32), np.zeros([2, 8], np.float32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ASoftmax(3, 0), "margin=0 cannot be used: give an integer"),
        (lambda: ASoftmax(3, 2.5), "margin=2.5 cannot be used: give an integer"),
        (lambda: ASoftmax(3, schedule="fast"), "unknown schedule 'fast': known are guidance"),
        (lambda: AMSoftmax(3, 0), r"margin=0 cannot be used: give a number in \(0, 2\)"),
        (lambda: AMSoftmax(3, scale=-1), "scale=-1 cannot"),
        (lambda: ArcFace(3, 1.6), "margin=1.6 cannot"),
        (lambda: AdaFace(3, concentration=0), "concentration=0 cannot"),
    ],
)
def test_refused_options(make, message):
    with pytest.raises(InputError, match=message):
        make()
