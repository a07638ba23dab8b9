"""The fully-coupled two-stream network on stored unit features.

Source: Xu et al., "Fully-coupled two-stream spatiotemporal networks for extremely low resolution
action recognition", WACV 2018 (arXiv 1801.03983), and its release (xumingze0308/eLR-WACV2018).
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import ChannelSlice
from mtl_lowres.registry import TRUNKS


@TRUNKS.register("two_stream_rnn")
def two_stream_rnn(
    input_shape: Sequence[int],
    *,
    hidden: int = 512,
    dropout: float = 0.0,
    name: str = "two_stream_rnn",
) -> tf.keras.Model:
    """Return the recurrent network that reads a video's units of appearance and of motion.

    | step     | spatial stream              | temporal stream             |
    |----------|-----------------------------|-----------------------------|
    | input    | units x width               | units x width               |
    | GRU      | hidden, in both directions  | hidden, in both directions  |
    | features | the sum of the four final states: hidden                 ||

    Units of zeros are left out of their stream: the padding of short videos does not matter, and
    the backward GRU begins at the last true unit. A stream of zeros alone adds nothing. *Fully
    coupled* means that one network reads the units of high- and of low-resolution videos: list both
    as rows of a manifest (see the reader `hmdb51_features`).

    The defaults are the published network, with `input_shape=(units, 8192)`: 28,323,840 parameters,
    to which a linear head of 51 classes adds 26,163. The release trains it with cross-entropy on
    the validation clips too, and tests it after epochs 40, 45 and 50.

    Args:
        input_shape: (units, 2 * width): spatial features, then temporal ones.
        hidden: units of each GRU.
        dropout: rate of the features, in [0, 1); 0 in the release.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, units, 2 * width], with each unit of each stream of length 1 or 0
        (see `mtl_lowres.data.units`), to [n, hidden].

    Raises:
        InputError: if the shape or an option cannot be used.

    Example, as in the release:
        >>> TrainConfig(("action",), trunk="two_stream_rnn", clip="units(20, 4096)", degrade="",
        ...             optimizer="rmsprop", learning_rate=1e-3, schedule="constant", epochs=50,
        ...             weight_decay=0, ema=0, batch_size=256)  # doctest: +SKIP

    Deviation: the release masks both streams by the length of the spatial one. Weights start as
    there, with PyTorch's default: all of a GRU, biases too, even in +-1 / sqrt(hidden).
    """
    _check_options(input_shape, hidden, dropout)
    width = input_shape[1] // 2
    units = tf.keras.Input(tuple(input_shape), name=f"{name}_units")
    streams = [
        _stream(units, start, width, hidden, f"{name}_{stream}")
        for stream, start in (("spatial", 0), ("temporal", width))
    ]
    x = tf.keras.layers.Add(name=f"{name}_sum")(streams)
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return tf.keras.Model(units, x, name=name)


def _stream(units: tf.Tensor, start: int, width: int, hidden: int, name: str) -> tf.Tensor:
    """Return the sum of the final states of one stream in both directions, [n, hidden]."""
    x = ChannelSlice(start, start + width, name=f"{name}_units")(units)
    x = tf.keras.layers.Masking(name=f"{name}_mask")(x)
    bound = hidden**-0.5
    # As a cell the graph is built in a sixth and run in half of the time of Keras' GRU layer, which
    # holds the kernels of a GPU as well.
    cell = tf.keras.layers.GRUCell(
        hidden,
        reset_after=True,  # PyTorch's equations
        kernel_initializer=tf.keras.initializers.RandomUniform(-bound, bound),
        recurrent_initializer=tf.keras.initializers.RandomUniform(-bound, bound),
        bias_initializer=tf.keras.initializers.RandomUniform(-bound, bound),
        name=f"{name}_gru",
    )
    gru = tf.keras.layers.RNN(cell, name=f"{name}_rnn")
    return tf.keras.layers.Bidirectional(gru, merge_mode="sum", name=f"{name}_both_ways")(x)


def _check_options(input_shape, hidden, dropout) -> None:
    whole = all(isinstance(n, int) and n > 0 for n in input_shape)
    if len(input_shape) != 2 or not whole or input_shape[1] % 2:
        raise InputError(
            f"input_shape={input_shape!r} cannot be used with trunk 'two_stream_rnn', which takes "
            "stored unit features: give (units, features) as positive integers, the features of "
            "both streams side by side, such as (20, 8192)"
        )
    if not isinstance(hidden, int) or isinstance(hidden, bool) or hidden < 1:
        raise InputError(f"hidden={hidden!r} cannot be used: give an integer of at least 1")
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
