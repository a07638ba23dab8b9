"""Looks at short stacks of frames as images of many channels, for clips of about 16x16 pixels."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.layers import MeanOverFrames

# Short runs need statistics of the latest steps, not of the first epochs.
NORM_MOMENTUM = 0.95


def stack_frames(clip: tf.Tensor, stack: int, name: str) -> tf.Tensor:
    """Return [n, t / stack, h, w, (stack + 1) c]: successive frames, and the mean of the clip."""
    frames, height, width, channels = clip.shape[1:]
    steps = frames // stack
    x = tf.keras.layers.Reshape((steps, stack, height, width, channels), name=f"{name}_split")(clip)
    x = tf.keras.layers.Permute((1, 3, 4, 2, 5), name=f"{name}_order")(x)
    x = tf.keras.layers.Reshape((steps, height, width, stack * channels), name=f"{name}_join")(x)
    mean = MeanOverFrames(name=f"{name}_mean")(clip)
    mean = tf.keras.layers.Reshape((1, height, width, channels), name=f"{name}_mean_frame")(mean)
    mean = tf.keras.layers.UpSampling3D((steps, 1, 1), name=f"{name}_mean_repeated")(mean)
    return tf.keras.layers.Concatenate(name=f"{name}_channels")([x, mean])


def convolve_images(x: tf.Tensor, filters: Sequence[int], name: str) -> tf.Tensor:
    """Return the maps of images, [n, h, w, c] to [n, h / 8, w / 8, filters[-1]].

    The first convolution is 4x4 with stride 2, the others are 3x3, each followed by max-pooling.
    """
    layers = tf.keras.layers
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_input_norm")(x)
    for stage, width in enumerate(filters, 1):
        size, stride = (4, 2) if stage == 1 else (3, 1)
        x = layers.Conv2D(
            width, size, stride, padding="same", use_bias=False, name=f"{name}_conv{stage}"
        )(x)
        x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm{stage}")(x)
        x = layers.ReLU(name=f"{name}_relu{stage}")(x)
        if stage > 1:
            x = layers.MaxPooling2D(2, name=f"{name}_pool{stage}")(x)
    return x
