"""A convolution or dense layer that shares its first filters with another one."""

import tensorflow as tf

from mtl_lowres.errors import InputError

# Exactly these: what is derived from them may use its kernel in another way.
_SHARABLE = (
    tf.keras.layers.Conv1D,
    tf.keras.layers.Conv2D,
    tf.keras.layers.Conv3D,
    tf.keras.layers.Dense,
)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class SemiCoupled(tf.keras.layers.Layer):
    """Does what another layer does, with the other's first filters and its own for the rest.

    Two networks, each for one resolution, that are coupled so learn in common what the shared
    filters answer to. Filters go with their biases; sizes, strides and activation are the other's.
    The layer's own filters begin as a copy of the other's, and learn if the other learns.

    Args:
        partner: a layer that `is_sharable`; its shared filters get gradients from here too.
        shared: number of filters that are the partner's, from 0 to one less than it has.

    Shapes:
        Those of the partner.

    Raises:
        InputError: if the partner cannot be shared, or has not that many filters.

    Source: Chen, Wu, Konrad and Ishwar, "Semi-coupled two-stream fusion ConvNets for action
    recognition at extremely low resolutions" (WACV 2017). There the shared part is copied to and
    fro between epochs of the one and of the other network; here it is one variable.
    """

    def __init__(self, partner: tf.keras.layers.Layer, shared: int, **kwargs):
        super().__init__(**{"trainable": partner.trainable, **kwargs})
        _check(partner, shared)
        self.partner = partner
        self.shared = shared

    def build(self, input_shape):
        """Create the layer's own filters."""
        if not self.partner.built:
            self.partner.build(input_shape)
        self.kernel = self._own("kernel", self.partner.kernel)
        self.bias = self._own("bias", self.partner.bias) if self.partner.use_bias else None
        super().build(input_shape)

    def _own(self, name: str, theirs: tf.Variable) -> tf.Variable:
        rest = theirs[..., self.shared :]
        return self.add_weight(
            name=name,
            shape=rest.shape,
            initializer=lambda shape, dtype=None: rest,
            regularizer=getattr(self.partner, f"{name}_regularizer"),
            constraint=getattr(self.partner, f"{name}_constraint"),
        )

    def call(self, inputs):
        """Return what the partner would with the filters of both."""
        kernel = self._joined(self.partner.kernel, self.kernel)
        if isinstance(self.partner, tf.keras.layers.Dense):
            outputs = tf.tensordot(inputs, kernel, [[-1], [0]])
            outputs = tf.ensure_shape(outputs, [*inputs.shape[:-1], kernel.shape[-1]])
        else:
            outputs = tf.nn.convolution(
                inputs,
                kernel,
                strides=self.partner.strides,
                padding=self.partner.padding.upper(),
                dilations=self.partner.dilation_rate,
            )
        if self.bias is not None:
            outputs += self._joined(self.partner.bias, self.bias)
        return self.partner.activation(outputs) if self.partner.activation else outputs

    def _joined(self, theirs: tf.Variable, own: tf.Variable) -> tf.Tensor:
        return tf.concat([theirs[..., : self.shared], own], axis=-1)

    def get_config(self):
        """Return the constructor's arguments; the layer made of them has a partner of its own."""
        partner = tf.keras.layers.serialize(self.partner)
        return {**super().get_config(), "partner": partner, "shared": self.shared}

    @classmethod
    def from_config(cls, config):
        """Return the layer that `get_config` described."""
        return cls(**{**config, "partner": tf.keras.layers.deserialize(config["partner"])})


def is_sharable(layer: tf.keras.layers.Layer) -> bool:
    """Return whether it is a Conv1D, 2D, 3D or Dense with plain padding, groups and channels."""
    return (
        type(layer) in _SHARABLE
        and getattr(layer, "padding", "same") != "causal"
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and getattr(layer, "groups", 1) == 1
    )


def filters_of(layer: tf.keras.layers.Layer) -> int:
    """Return the number of filters of a sharable layer, of a dense one its units."""
    return layer.units if isinstance(layer, tf.keras.layers.Dense) else layer.filters


def _check(partner: tf.keras.layers.Layer, shared: int) -> None:
    if not is_sharable(partner):
        raise InputError(
            f"layer {partner.name!r}, a {type(partner).__name__}, cannot be shared in part: only "
            "Conv1D, Conv2D, Conv3D and Dense can, with channels last, one group and no causal "
            "padding"
        )
    if isinstance(shared, bool) or not isinstance(shared, int) or shared < 0:
        raise InputError(f"shared={shared!r} cannot be used: give a number of filters, 0 for none")
    if shared >= filters_of(partner):
        raise InputError(
            f"shared={shared!r} cannot be used: layer {partner.name!r} has {filters_of(partner)} "
            "filters; to share all of them, use the layer itself"
        )
