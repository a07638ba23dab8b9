"""The transfer network against plain NumPy, and its options."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.trunks import feature_transfer

FEATURES = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("beside", [False, True])
def test_is_two_dense_layers_on_standardised_features(activation, residual, beside):
    model = feature_transfer(
        (6,), fc1=4, fc2=6, activation=activation, residual=residual, beside=beside
    )
    model.get_layer("feature_transfer_standard").adapt(FEATURES)
    standard = (FEATURES - FEATURES.mean(axis=0)) / FEATURES.std(axis=0)
    (first, _), (second, _) = (
        model.get_layer(f"feature_transfer_{name}").get_weights() for name in ("fc1", "fc2")
    )
    hidden = standard @ first
    expected = (np.maximum(hidden, 0) if activation == "relu" else hidden) @ second
    expected = expected + standard if residual else expected
    expected = np.hstack([expected, FEATURES]) if beside else expected
    np.testing.assert_allclose(model(FEATURES), expected, rtol=1e-4, atol=1e-5)


def test_the_power_comes_first():
    """The features of one network are the roots of the other's."""
    roots = np.sign(FEATURES) * np.sqrt(np.abs(FEATURES))
    plain, powered = (feature_transfer((6,), fc1=4, beside=True, power=p) for p in (1.0, 0.5))
    powered.set_weights(plain.get_weights())
    np.testing.assert_allclose(powered(FEATURES), plain(roots), rtol=1e-4, atol=1e-5)


def test_starts_as_he_says():
    """Deviations sqrt(2 / inputs), of a normal distribution cut at two of its own."""
    model = feature_transfer((200,), fc1=400, fc2=300)
    for name, inputs in (("fc1", 200), ("fc2", 400)):
        kernel, bias = model.get_layer(f"feature_transfer_{name}").get_weights()
        assert kernel.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.02)
        assert not bias.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fc1": 0}, "fc1=0"),
        ({"fc2": 2.5}, r"fc2=2\.5"),
        ({"activation": "tanh"}, "activation='tanh'.*relu, linear, gaussian"),
        ({"power": 0}, "power=0"),
        ({"residual": True}, "adds the 6 features to fc2=100.*use fc2=6"),
    ],
)
def test_refuses_other_options(options, message):
    with pytest.raises(InputError, match=message):
        feature_transfer((6,), **options)
