"""From images to the features of a trunk, at its end or at any layer."""

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.layer_output import features_of


class FeatureNetwork:
    """A trunk up to one of its layers, whose maps are averaged over all places (and frames).

    Args:
        trunk: from images to features.
        layer: name of one of its layers, also of one within a backbone; None for its end.

    Attributes:
        width: d, the number of features.

    Raises:
        InputError: if there is no such layer, or it does not give one tensor of known width.
    """

    def __init__(self, trunk: tf.keras.Model, layer: str | None = None):
        network = features_of(trunk, layer)
        shape = getattr(network.output, "shape", None)
        if shape is None or shape.rank != 2 or shape[-1] is None:
            raise InputError(
                f"layer={layer!r} gives {'several tensors' if shape is None else tuple(shape)}, "
                "but features must be a vector or a map of known width: name another layer"
            )
        self.width = shape[-1]
        self._layer = layer
        self._features = tf.function(
            lambda images: tf.cast(network(images, training=False), tf.float32),
            input_signature=[tf.TensorSpec(trunk.input.shape, trunk.input.dtype)],
        )

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Return float32 [n, width] from images float32 [n, ..., h, w, c] in [0, 1].

        Raises:
            InputError: if the layer sees the frames of a clip one by one.
        """
        features = self._features(images)
        if len(features) != len(images):
            raise InputError(
                f"layer={self._layer!r} sees every frame of a clip alone: name a later layer"
            )
        return features
