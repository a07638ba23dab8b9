"""The network of unsupervised deep feature transfer: features of small images made like large ones.

Source: Wu et al., "Unsupervised deep feature transfer for low resolution image classification",
ICCV workshops 2019 (arXiv 1908.10012).
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SignedPower, Standardise
from mtl_lowres.registry import TRUNKS

# Name -> what Keras calls it; a Gaussian of vectors of length 1 is an exponential of their product.
_ACTIVATIONS = {"relu": "relu", "linear": "linear", "gaussian": "exponential"}


@TRUNKS.register("feature_transfer")
def feature_transfer(
    input_shape: Sequence[int],
    *,
    fc1: int = 4096,
    fc2: int = 100,
    activation: str = "relu",
    residual: bool = False,
    beside: bool = False,
    power: float = 1.0,
    name: str = "feature_transfer",
) -> tf.keras.Model:
    """Return the transfer network: two dense layers on the features of another network.

    It is trained by `mtl_lowres.training.transfer`; `build_model(..., transfer=folder)` puts the
    trained one between a frozen trunk and the heads. What comes in is standardised by the figures
    of the training features, which a layer of its own holds (none at first).

    Args:
        input_shape: (d,), the number of features.
        fc1: width of the hidden layer; 4096 in the paper.
        fc2: width of the output; in the paper the number of clusters, 100.
        activation: between the two layers, `"relu"` or `"linear"` (the paper names none), or
            `"gaussian"`: features are divided by their length, and hidden units are bells.
        residual: add the standardised features to the output, which needs `fc2` = d.
        beside: append the features to the output, before they are standardised.
        power: what the size of each feature is first raised to, above 0; the root of 0.5 makes
            averaged maps less skewed. 1 leaves them.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, d] to [n, fc2], or [n, fc2 + d] with `beside`.

    Raises:
        InputError: if the shape or an option cannot be used.

    Deviations: the standardisation, and the options from `residual` on. Both layers start from He's
    initialisation (the paper's MSRA).

    Example:
        >>> feature_transfer((1280,), fc1=1024).output_shape
        (None, 100)
    """
    _check_options(input_shape, fc1, fc2, activation, residual, power)
    features = tf.keras.Input(tuple(input_shape), name=f"{name}_features")
    powers = features
    if power != 1:
        powers = SignedPower(power, name=f"{name}_power")(features)
    standard = Standardise(name=f"{name}_standard")(powers)
    x = standard
    if activation == "gaussian":
        x = tf.keras.layers.UnitNormalization(name=f"{name}_unit")(x)
    x = _dense(fc1, f"{name}_fc1", _ACTIVATIONS[activation])(x)
    x = _dense(fc2, f"{name}_fc2")(x)
    if residual:
        x = tf.keras.layers.Add(name=f"{name}_residual")([standard, x])
    if beside:
        x = tf.keras.layers.Concatenate(name=f"{name}_beside")([x, powers])
    return tf.keras.Model(features, x, name=name)


def _dense(units: int, name: str, activation: str = "linear") -> tf.keras.layers.Dense:
    return tf.keras.layers.Dense(
        units, activation=activation, kernel_initializer="he_normal", name=name
    )


def _check_options(input_shape, fc1, fc2, activation, residual, power) -> None:
    if len(input_shape) != 1 or not _is_width(input_shape[0]):
        raise InputError(
            f"input_shape={input_shape!r} cannot be used with trunk 'feature_transfer', which "
            "takes features, not images: give (features,) as one positive integer, such as (1280,)"
        )
    for option, value in (("fc1", fc1), ("fc2", fc2)):
        if not _is_width(value):
            raise InputError(f"{option}={value!r} cannot be used: give an integer of at least 1")
    if activation not in _ACTIVATIONS:
        raise InputError(
            f"activation={activation!r} cannot be used: choose {', '.join(_ACTIVATIONS)}"
        )
    if not power > 0:
        raise InputError(f"power={power!r} cannot be used: give e.g. 0.5, or 1 for none")
    if residual and fc2 != input_shape[0]:
        raise InputError(
            f"residual=True adds the {input_shape[0]} features to fc2={fc2} values: use "
            f"fc2={input_shape[0]}, or residual=False"
        )


def _is_width(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
