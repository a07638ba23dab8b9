"""The twin of a network: the same layers for another resolution, with some filters in common."""

from collections.abc import Iterator, Sequence

import tensorflow as tf

from mtl_lowres.layers.semi_coupled import SemiCoupled, filters_of, is_sharable

_SUFFIX = "_twin"


def make_twin(trunk: tf.keras.Model, shares: Sequence[float]) -> tf.keras.Model:
    """Return a network of the same layers that shares a part of the filters of a trunk.

    Of each convolution and dense layer the first `round(share * filters)` filters and biases are
    the trunk's (see `SemiCoupled`). Layers are counted from the input along the longest path, so
    that parallel streams of a trunk are treated alike, and divided evenly among the shares: with as
    many shares as layers each has its own. Batch normalisations are apart. All other layers,
    recurrent ones among them, are the trunk's. What is apart begins as a copy.

    Args:
        trunk: a Functional model; it stays as it is, and learns when the twin does.
        shares: in [0, 1], from the first layers to the last.

    Returns:
        A Functional model of the trunk's input and output shapes. Layers that are not the trunk's
        are named after it, ending in `_twin`.
    """
    places, count = _places(trunk)
    norms = []

    def twin_of(layer):
        if isinstance(layer, tf.keras.Model):
            # By default the copy of an inner network has the name of the original.
            copy = tf.keras.models.clone_model(layer, clone_function=twin_of)
            return tf.keras.Model(copy.input, copy.output, name=layer.name + _SUFFIX)
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            norms.append((layer, type(layer).from_config(_renamed(layer))))
            return norms[-1][1]
        if id(layer) not in places:
            return layer
        share = shares[places[id(layer)] * len(shares) // count]
        shared = round(share * filters_of(layer))
        if shared == filters_of(layer):
            return layer
        return SemiCoupled(layer, shared, name=layer.name + _SUFFIX)

    inputs = [
        tf.keras.Input(symbol.shape[1:], dtype=symbol.dtype, name=f"{trunk.name}_input{n}{_SUFFIX}")
        for n, symbol in enumerate(tf.nest.flatten(trunk.input))
    ]
    twin = tf.keras.models.clone_model(trunk, input_tensors=inputs, clone_function=twin_of)
    for norm, copy in norms:
        copy.set_weights(norm.get_weights())
    return twin


def _renamed(layer: tf.keras.layers.Layer) -> dict:
    return {**layer.get_config(), "name": layer.name + _SUFFIX}


def _places(model: tf.keras.Model, first: int = 0) -> tuple[dict[int, int], int]:
    """Return id of a sharable layer -> how many such come before it, and the most on any path.

    Args:
        model: whose layers Keras lists from the inputs on, as paths lead.
        first: how many come before the model.
    """
    places, ends = {}, {}
    for layer in model.layers:
        before = max((ends.get(id(other), first) for other in _layers_before(layer)), default=first)
        if isinstance(layer, tf.keras.Model):
            inner, before = _places(layer, before)
            places |= inner
        elif is_sharable(layer):
            places[id(layer)] = before
            before += 1
        ends[id(layer)] = before
    return places, max(ends.values())


def _layers_before(layer: tf.keras.layers.Layer) -> Iterator[tf.keras.layers.Layer]:
    for node in layer.inbound_nodes:
        for symbol in tf.nest.flatten(node.keras_inputs):
            yield symbol._keras_history.layer
