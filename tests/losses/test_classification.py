import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses import KL, NLL, Focal, FocalKL

LOSSES = [FocalKL, Focal, KL, NLL]
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32)


@pytest.mark.parametrize(
    ("key", "loss"),
    [
        ("ckld_alpha0.5_beta1", FocalKL(0.5, 1)),
        ("ckld_alpha0.5_beta3", FocalKL(0.5, 3)),
        ("ckld_alpha1.0_beta0.0", FocalKL(1, 0)),
        ("ckld_alpha1.0_beta0.0", KL()),
    ],
)
@pytest.mark.parametrize("labels", ["hard", "soft"])
def test_golden_focal_kl(golden, key, loss, labels):
    """The reference is a sum over the batch, ours a mean over its samples."""
    soft = labels == "soft"
    y = golden["posture_soft_label" if soft else "posture_label"]
    expected = golden[f"{key}_soft_sum" if soft else f"{key}_sum"]
    result = len(y) * float(loss(y, golden["posture_prob"]))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_golden_focal(golden):
    y = golden["posture_label"]
    result = len(y) * float(Focal(2)(y, golden["posture_prob"]))
    np.testing.assert_allclose(result, golden["focal_gamma2_sum"], rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        # True-class probabilities 0.7 and 0.6; every other term of a hard label is zero.
        (NLL(), -(np.log(0.7) + np.log(0.6)) / 2),
        (KL(), -(np.log(0.7) + np.log(0.6)) / 2),
        (Focal(2), -(0.09 * np.log(0.7) + 0.16 * np.log(0.6)) / 2),
        (FocalKL(0.5, 1), -0.5 * (0.3 * np.log(0.7) + 0.4 * np.log(0.6)) / 2),
    ],
)
def test_hard_labels_by_hand(loss, expected):
    assert float(loss([0, 1], PROBABILITIES)) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_by_hand():
    """Smoothing 0.3 over three classes turns (1, 0, 0) into (0.8, 0.1, 0.1)."""
    expected = -(0.8 * np.log(0.7) + 0.1 * np.log(0.2) + 0.1 * np.log(0.1))
    loss = NLL(label_smoothing=0.3)
    assert float(loss([0], PROBABILITIES[:1])) == pytest.approx(expected, rel=1e-5)


def test_kl_of_the_label_itself_is_zero():
    assert float(KL()(PROBABILITIES, PROBABILITIES)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}])
def test_certain_predictions_have_finite_losses_and_gradients(loss, options):
    p = tf.Variable([[1.0, 0.0], [0.0, 1.0]])
    with tf.GradientTape() as tape:
        value = loss(**options)([0, 0], p)
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, p)).all()


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("make", [lambda e: FocalKL(beta=e), lambda e: Focal(gamma=e)])
def test_small_exponents_have_finite_gradients_at_one(make, exponent):
    p = tf.Variable([[1.0, 0.0]])
    with tf.GradientTape() as tape:
        value = make(exponent)([0], p)
    assert np.isfinite(tape.gradient(value, p)).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_index_and_one_hot_agree(loss):
    one_hot = np.eye(3, dtype=np.float32)[[2, 0]]
    assert float(loss()([2, 0], PROBABILITIES)) == float(loss()(one_hot, PROBABILITIES))


@pytest.mark.parametrize(
    "loss", [FocalKL(0.3, 2, 0.1), Focal(1.5, 0.1), KL(0.1), NLL(0.1, name="other")]
)
def test_config_round_trip(loss):
    copy = tf.keras.losses.deserialize(tf.keras.losses.serialize(loss))
    assert type(copy) is type(loss)
    assert copy.get_config() == loss.get_config()
    assert float(copy([0, 1], PROBABILITIES)) == float(loss([0, 1], PROBABILITIES))


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (FocalKL, {"alpha": 0}),
        (FocalKL, {"alpha": float("nan")}),
        (FocalKL, {"beta": -1}),
        (Focal, {"gamma": -0.1}),
        (NLL, {"label_smoothing": 1.0}),
        (KL, {"label_smoothing": -0.1}),
    ],
)
def test_an_argument_out_of_range_is_quoted(loss, options):
    ((name, value),) = options.items()
    with pytest.raises(InputError, match=f"{name}={value}"):
        loss(**options)
