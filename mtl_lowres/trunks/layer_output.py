"""A trunk as far as one of its layers."""

import difflib
from collections.abc import Iterator

import tensorflow as tf

from mtl_lowres.errors import InputError

# Rank of a map, of a sequence or of maps in a row -> the mean over all places and times.
_POOLING = {
    3: tf.keras.layers.GlobalAveragePooling1D,
    4: tf.keras.layers.GlobalAveragePooling2D,
    5: tf.keras.layers.GlobalAveragePooling3D,
}


def features_of(trunk: tf.keras.Model, layer: str | None) -> tf.keras.Model:
    """Return a trunk as far as a layer, the mean of its maps; the whole trunk for None.

    Args:
        trunk: from images to features.
        layer: name of one of its layers, also of one within a backbone.

    Raises:
        InputError: if it has no such layer; it names those that are called alike.
    """
    if layer is None:
        return trunk
    output = _known_output(trunk, layer)
    if getattr(output, "shape", tf.TensorShape(None)).rank in _POOLING:
        output = _POOLING[output.shape.rank](name=f"{layer}_pooled")(output)
    return tf.keras.Model(trunk.input, output, name=trunk.name)


def _known_output(trunk: tf.keras.Model, layer: str) -> tf.Tensor:
    output = _output_of(trunk, layer)
    if output is None:
        names = list(_layer_names(trunk))
        close = difflib.get_close_matches(layer, names, n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "name another layer;"
        raise InputError(
            f"layer={layer!r}: the trunk {trunk.name!r} has no such layer: {hint} its last are "
            f"{', '.join(map(repr, names[-4:]))}"
        )
    return output


def _layer_names(model: tf.keras.Model) -> Iterator[str]:
    for layer in model.layers:
        yield layer.name
        if isinstance(layer, tf.keras.Model):
            yield from _layer_names(layer)


def _output_of(model: tf.keras.Model, name: str) -> tf.Tensor | None:
    """Return what a layer gives, or None if there is no such layer."""
    for layer in model.layers:
        if layer.name == name:
            return layer.get_output_at(0)
    for layer in model.layers:
        inner = _output_of(layer, name) if isinstance(layer, tf.keras.Model) else None
        if inner is not None:
            return tf.keras.Model(layer.input, inner)(layer.get_input_at(0))
    return None
