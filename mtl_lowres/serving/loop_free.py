"""Networks whose recurrent layers are written out step by step, for graphs that are only run.

The layers that are written out are copies, with weights as they are now; all others are shared.
"""

from collections.abc import Callable

import tensorflow as tf

from mtl_lowres.model import MultiTaskModel

# A SavedModel answers one clip about a tenth sooner (2 to 22 %) without the loop of an LSTM of 12
# to 32 steps; many clips take as long. Its graph grows with the steps: with 32 it is at most twice
# as large and loads as fast, with 64 it is up to three times as large and up to 1.7 times as slow
# to load.
MOST_STEPS = 32
_RECURRENT = (tf.keras.layers.RNN, tf.keras.layers.Bidirectional)
# Others may have a cell of their own that Keras cannot make anew.
_KNOWN = (tf.keras.layers.LSTM, tf.keras.layers.GRU, tf.keras.layers.SimpleRNN)
# The name under which the features of the trunk leave the network while it is copied.
_FEATURES = "features of the trunk"


def without_loops(model: MultiTaskModel) -> MultiTaskModel:
    """Return the same network with every recurrent layer written out, however long.

    TensorFlow Lite needs it: Keras's GRU and LSTM choose among implementations by a call that
    crashes its converter.
    """
    return _written_out(model, lambda layer: isinstance(layer, _RECURRENT))


def without_short_loops(model: MultiTaskModel) -> MultiTaskModel:
    """Return the same network, with the same answers, that answers sooner.

    An LSTM, GRU or simple recurrent layer is written out if it has a fixed number of steps of at
    most `MOST_STEPS`, and no mask. Without such a layer the model itself comes back.
    """
    if not any(map(_is_short_loop, model.layers)):
        return model
    return _written_out(model, _is_short_loop)


def _is_short_loop(layer: tf.keras.layers.Layer) -> bool:
    inner = layer.forward_layer if isinstance(layer, tf.keras.layers.Bidirectional) else layer
    if not isinstance(inner, _KNOWN) or inner.unroll:
        return False
    # States that are given to begin with follow the sequence.
    steps = tf.nest.flatten(layer.input)[0].shape[1]
    masked = any(mask is not None for mask in tf.nest.flatten(layer.input_mask))
    return steps is not None and steps <= MOST_STEPS and not masked


def _written_out(
    model: MultiTaskModel, chosen: Callable[[tf.keras.layers.Layer], bool]
) -> MultiTaskModel:
    """Return the network with the layers that are chosen written out."""

    def copy(layer):
        if not chosen(layer):
            return layer
        config = layer.get_config()
        wrapped = isinstance(layer, tf.keras.layers.Bidirectional)
        (config["layer"]["config"] if wrapped else config)["unroll"] = True
        return type(layer).from_config(config)

    network = tf.keras.Model(model.input, {**model.output, _FEATURES: model.trunk.output})
    copied = tf.keras.models.clone_model(network, clone_function=copy)
    copied.set_weights(network.get_weights())
    outputs = dict(copied.output)
    trunk = tf.keras.Model(copied.input, outputs.pop(_FEATURES))
    return MultiTaskModel(copied.input, outputs, trunk, model.heads, model.description)
