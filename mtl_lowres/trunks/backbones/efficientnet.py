"""EfficientNet-B0 to B7 without their last layers, from the package `efficientnet`.

Source: Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks",
ICML 2019. Noisy-student weights: Xie et al., CVPR 2020.
"""

import functools
from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.registry import BACKBONES
from mtl_lowres.trunks.backbones.build import build_pretrained, frame_input

_CUT = "block7a_project_bn"
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def _efficientnet(
    version: int, frame_shape: Sequence[int], *, weights: str | None = None, name: str
) -> tf.keras.Model:
    """Return EfficientNet-B<version> up to `block7a_project_bn`, where the thesis network cuts it.

    That drops the other repetitions of block 7 and the last 1x1 convolution; a 1/32 of the frame's
    sides is left, rounded up. Inside, the frame is normalised by the mean and deviation of
    ImageNet, which both sets of published weights expect.

    Args:
        version: 0 to 7.
        frame_shape: (height, width, channels), at least 32 pixels a side, 1 or 3 channels.
        weights: None, `"imagenet"`, `"noisy-student"`, or the path of the package's `..._notop.h5`.
        name: of the model.

    Raises:
        InputError: if the shape cannot be used or the weights are not to be had.
    """
    from efficientnet import tfkeras

    backbone = f"efficientnet_b{version}"
    frame, x = frame_input(frame_shape, 32, backbone)
    builder = getattr(tfkeras, f"EfficientNetB{version}")
    network = build_pretrained(
        lambda start: builder(include_top=False, weights=start, input_shape=x.shape[1:]),
        weights,
        {
            "imagenet": f"efficientnet-b{version}"
            "_weights_tf_dim_ordering_tf_kernels_autoaugment_notop.h5",
            "noisy-student": f"efficientnet-b{version}_noisy-student_notop.h5",
        },
        backbone,
    )
    network = tf.keras.Model(network.input, network.get_layer(_CUT).output, name=backbone)
    scale = [1 / deviation for deviation in _IMAGENET_DEVIATION]
    offset = [-mean / s for mean, s in zip(_IMAGENET_MEAN, _IMAGENET_DEVIATION, strict=True)]
    x = tf.keras.layers.Rescaling(scale, offset, name="normalise")(x)
    return tf.keras.Model(frame, network(x), name=name)


for _version in range(8):
    BACKBONES.register(f"efficientnet_b{_version}")(functools.partial(_efficientnet, _version))
