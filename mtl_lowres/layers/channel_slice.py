"""Some of the channels: how a trunk of one input sees what lies side by side in it."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class ChannelSlice(tf.keras.layers.Layer):
    """Takes successive channels: [..., c] -> [..., stop - start].

    Args:
        start: first channel to take.
        stop: channel after the last one.
    """

    def __init__(self, start: int, stop: int, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop

    def call(self, inputs):
        """Return the channels."""
        return inputs[..., self.start : self.stop]

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}
