"""Clips to frames and back, so that a network of images runs once over all frames of a batch.

A frame is then one more sample of the batch, which costs nothing; Keras' `TimeDistributed` does
the same for one layer, but loses the static shape that some layers need.
"""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class FoldFrames(tf.keras.layers.Layer):
    """Makes every frame a sample: [n, t, ...] -> [n t, ...], the frames of a clip in a row."""

    def call(self, clips):
        """Return the frames of all clips."""
        shape = tf.shape(clips)
        frames = tf.reshape(clips, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))
        return tf.ensure_shape(frames, [None, *clips.shape[2:]])


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class UnfoldFrames(tf.keras.layers.Layer):
    """Undoes `FoldFrames`: [n t, ...] -> [n, t, ...].

    Args:
        frames: t, of each clip.
    """

    def __init__(self, frames: int, **kwargs):
        super().__init__(**kwargs)
        self.frames = frames

    def call(self, frames):
        """Return the clips."""
        shape = tf.shape(frames)
        outer = [shape[0] // self.frames, self.frames]
        clips = tf.reshape(frames, tf.concat([outer, shape[1:]], axis=0))
        return tf.ensure_shape(clips, [None, self.frames, *frames.shape[1:]])

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "frames": self.frames}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class MeanOverFrames(tf.keras.layers.Layer):
    """Averages over time: [n, t, ...] -> [n, ...]."""

    def call(self, clips):
        """Return the mean of each clip."""
        return tf.reduce_mean(clips, axis=1)
