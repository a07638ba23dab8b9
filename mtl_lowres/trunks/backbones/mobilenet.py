"""MobileNetV2 without its classifier, from Keras' own applications.

Source: Sandler et al., "MobileNetV2: Inverted residuals and linear bottlenecks", CVPR 2018.
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.registry import BACKBONES
from mtl_lowres.trunks.backbones.build import build_pretrained, frame_input


@BACKBONES.register("mobilenet_v2")
def mobilenet_v2(
    frame_shape: Sequence[int],
    *,
    weights: str | None = None,
    alpha: float = 1.0,
    name: str = "mobilenet_v2",
) -> tf.keras.Model:
    """Return MobileNetV2 up to its last 1x1 convolution of 1280 channels (more with alpha above 1).

    A 1/32 of the frame's sides is left, rounded up. Inside, [0, 1] is brought to [-1, 1].

    Args:
        frame_shape: (height, width, channels), at least 32 pixels a side, 1 or 3 channels.
        weights: None, `"imagenet"` (alpha 0.35, 0.5, 0.75, 1, 1.3 or 1.4), or the path of Keras'
            `..._no_top.h5`.
        alpha: factor of the number of channels.
        name: of the model.

    Raises:
        InputError: if the shape cannot be used or the weights are not to be had.
    """
    frame, x = frame_input(frame_shape, 32, "mobilenet_v2")
    network = build_pretrained(
        lambda start: tf.keras.applications.MobileNetV2(
            input_shape=x.shape[1:], alpha=alpha, include_top=False, weights=start
        ),
        weights,
        {
            "imagenet": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_"
            f"{float(alpha)}_224_no_top.h5"
        },
        "mobilenet_v2",
    )
    x = tf.keras.layers.Rescaling(2.0, -1.0, name="normalise")(x)
    return tf.keras.Model(frame, network(x), name=name)
