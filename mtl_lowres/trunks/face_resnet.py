"""The dlib face network: an aligned face to a 128-d embedding, or to features for other tasks.

Source: King, dlib 19.3 (2017), `dnn_face_recognition_ex.cpp`, a ResNet-34 with fewer layers and
half the filters; its released weights as ported by face-api.js (quantised to 8 bits).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import MeanOfViews, MirroredViews
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.image_input import image_input

FACE_RESNET_BLOCKS = (
    "conv32_down",
    *(f"conv32_{number}" for number in (1, 2, 3)),
    "conv64_down",
    *(f"conv64_{number}" for number in (1, 2, 3)),
    "conv128_down",
    *(f"conv128_{number}" for number in (1, 2)),
    "conv256_down",
    *(f"conv256_{number}" for number in (1, 2)),
    "conv256_down_out",
)
# Blocks whose pooled maps are joined by features="pooled": the last ones of their width.
_POOLED = ("conv128_2", "conv256_2", "conv256_down_out")
_MEAN_COLOUR = (122.782, 117.001, 104.298)
# The least side of which the five blocks of stride 2 leave a pixel.
_SMALLEST_SIDE = 103
_WEIGHTS_FILE = "face_embedding_uint8.npz"


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class PadChannels(tf.keras.layers.Layer):
    """Appends channels of zeros: [n, h, w, c] -> [n, h, w, channels].

    Args:
        channels: number of channels afterwards, at least those of the input.
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels

    def call(self, maps):
        """Return the maps with zeros behind their channels."""
        return tf.pad(maps, [[0, 0], [0, 0], [0, 0], [0, self.channels - maps.shape[-1]]])

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "channels": self.channels}


@TRUNKS.register("face_resnet")
def face_resnet(
    input_shape: Sequence[int],
    *,
    weights: str | None = None,
    features: str = "embedding",
    trainable_from: str | None = None,
    dropout: float = 0.0,
    mirrored_views: bool = False,
    name: str = "face_resnet",
) -> tf.keras.Model:
    """Return the face network: an image to its 128-d embedding or to 640 pooled features.

    A 7x7 convolution of stride 2 with 3x3 max-pooling, then residual blocks of two 3x3
    convolutions: three of 32 channels, four of 64, three of 128, four of 256, the first of each
    width (but 32) and the last of all with stride 2. Each convolution is followed in dlib by a
    scale and an offset per channel, which are multiplied into kernel and bias here.

    Embeddings of one person lie closer than about 0.6 (Euclidean distance) where the face was
    aligned as dlib does: 150x150 pixels, the eyes some 49 pixels apart. The network takes any
    size; a face looks to it as in training where the eyes are about that far apart. An image with
    a side below 103 pixels, of which nothing would be left, is first enlarged bicubically.

    Args:
        input_shape: (height, width, channels), with 1 channel, which is repeated, or 3 (RGB).
        weights: None for random ones, or the path of `face_embedding_uint8.npz` or its folder.
        features: `"embedding"`, or `"pooled"` for other tasks than identity: the means of the last
            maps of 128 and 256 channels and of the last block's, batch-normalised.
        trainable_from: name of the first block that learns, such as `"conv64_down"`; the blocks
            before it keep their weights, which saves their backward pass. None lets all learn.
        dropout: rate on the features, in [0, 1).
        mirrored_views: average the features at prediction over the image and its mirror image, at
            twice the time.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, 128] or [n, 640].

    Raises:
        InputError: if the shape or an option cannot be used, or the file does not fit.
    """
    _check_options(input_shape, features, trainable_from, dropout)
    image = image_input(input_shape, 1, name)
    x = image
    if mirrored_views:
        x = MirroredViews(name=f"{name}_mirrored")(x)
    x = _prepare(x, name)
    x = _stem(x, f"{name}_{FACE_RESNET_BLOCKS[0]}")
    maps = {}
    for block in FACE_RESNET_BLOCKS[1:]:
        width = int(block.split("_")[0].removeprefix("conv"))
        x = maps[block] = _block(x, width, "down" in block, f"{name}_{block}")
    # [n, 2, 2, 256] of 150x150 pixels
    x = _pooled(maps, name) if features == "pooled" else _embedding(x, name)
    if mirrored_views:
        x = MeanOfViews(2, name=f"{name}_mean")(x)
    if dropout:
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    model = tf.keras.Model(image, x, name=name)
    if weights is not None:
        _load(model, Path(weights))
    _freeze_before(trainable_from, model)
    return model


def _check_options(input_shape, features, trainable_from, dropout) -> None:
    if len(input_shape) == 3 and input_shape[2] not in (1, 3):
        raise InputError(
            f"input_shape={tuple(input_shape)!r} cannot be used with trunk 'face_resnet': it takes "
            "1 or 3 channels"
        )
    if features not in ("embedding", "pooled"):
        raise InputError(f"features={features!r} cannot be used: choose 'embedding' or 'pooled'")
    if trainable_from is not None and trainable_from not in FACE_RESNET_BLOCKS:
        raise InputError(
            f"trainable_from={trainable_from!r} is no block: choose {', '.join(FACE_RESNET_BLOCKS)}"
        )
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")


def _prepare(x: tf.Tensor, name: str) -> tf.Tensor:
    """Bring an image to three channels, at least 103 pixels a side and dlib's range of values."""
    height, width, channels = x.shape[1:]
    factor = max(1.0, _SMALLEST_SIDE / min(height, width))
    if factor > 1:
        x = tf.keras.layers.Resizing(
            round(height * factor), round(width * factor), "bicubic", name=f"{name}_enlarged"
        )(x)
    if channels == 1:
        x = tf.keras.layers.Concatenate(name=f"{name}_rgb")([x, x, x])
    offsets = [-mean / 256 for mean in _MEAN_COLOUR]
    return tf.keras.layers.Rescaling(255 / 256, offsets, name=f"{name}_centred")(x)


def _stem(x: tf.Tensor, name: str) -> tf.Tensor:
    x = tf.keras.layers.Conv2D(
        32, 7, strides=2, kernel_initializer="he_normal", name=f"{name}_conv1"
    )(x)
    x = tf.keras.layers.ReLU(name=f"{name}_relu1")(x)
    return tf.keras.layers.MaxPooling2D(3, strides=2, name=f"{name}_max")(x)


def _block(x: tf.Tensor, width: int, down: bool, name: str) -> tf.Tensor:
    """Return ReLU(shortcut + two convolutions); with `down` sides are halved, rounded down."""
    y = _convolution(x, width, f"{name}_conv1", 2 if down else 1, "valid" if down else "same")
    y = tf.keras.layers.ReLU(name=f"{name}_relu1")(y)
    y = _convolution(y, width, f"{name}_conv2", 1, "same")
    if down:
        x = tf.keras.layers.AveragePooling2D(2, name=f"{name}_mean")(x)
        missing = [(0, x.shape[axis] - y.shape[axis]) for axis in (1, 2)]
        y = tf.keras.layers.ZeroPadding2D(missing, name=f"{name}_pad")(y)
        x = PadChannels(width, name=f"{name}_pad_channels")(x)
    x = tf.keras.layers.Add(name=f"{name}_add")([x, y])
    return tf.keras.layers.ReLU(name=f"{name}_relu2")(x)


def _convolution(x: tf.Tensor, width: int, name: str, strides: int, padding: str) -> tf.Tensor:
    return tf.keras.layers.Conv2D(
        width, 3, strides=strides, padding=padding, kernel_initializer="he_normal", name=name
    )(x)


def _embedding(x: tf.Tensor, name: str) -> tf.Tensor:
    x = tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return tf.keras.layers.Dense(128, use_bias=False, name=f"{name}_fc")(x)


def _pooled(maps: dict[str, tf.Tensor], name: str) -> tf.Tensor:
    means = [
        tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_{block}_pool")(maps[block])
        for block in _POOLED
    ]
    x = tf.keras.layers.Concatenate(name=f"{name}_pooled")(means)
    # The means of different blocks differ in size by an order of magnitude.
    return tf.keras.layers.BatchNormalization(
        momentum=0.9, center=False, scale=False, name=f"{name}_norm"
    )(x)


def _freeze_before(block: str | None, model: tf.keras.Model) -> None:
    frozen = FACE_RESNET_BLOCKS[: FACE_RESNET_BLOCKS.index(block)] if block else ()
    for layer in _convolutions(model):
        layer.trainable = _archive_block(layer, model) not in frozen


def _convolutions(model: tf.keras.Model) -> list[tf.keras.layers.Conv2D]:
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]


def _archive_block(layer: tf.keras.layers.Layer, model: tf.keras.Model) -> str:
    """Return the block of a convolution: `conv32_1` of `face_resnet_conv32_1_conv2`."""
    return layer.name.removeprefix(f"{model.name}_").rpartition("_")[0]


def _load(model: tf.keras.Model, path: Path) -> None:
    path = path / _WEIGHTS_FILE if path.is_dir() else path
    try:
        with np.load(path, allow_pickle=False) as archive:
            for layer in _convolutions(model):
                layer.set_weights(_kernel_and_bias(archive, layer, model))
            if model.output_shape[-1] == 128:
                model.get_layer(f"{model.name}_fc").set_weights([_tensor(archive, "fc")])
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is missing: give the path of {_WEIGHTS_FILE} or its folder as weights"
        ) from error
    except Exception as error:  # a damaged archive makes its readers raise a dozen kinds
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} does not fit trunk 'face_resnet' ({reason}): give {_WEIGHTS_FILE}"
        ) from error


def _kernel_and_bias(archive, layer: tf.keras.layers.Conv2D, model: tf.keras.Model) -> list:
    """Return the convolution with dlib's scale and offset of its channels multiplied in."""
    block, convolution = _archive_block(layer, model), layer.name.rpartition("_")[2]
    key = block if block == FACE_RESNET_BLOCKS[0] else f"{block}/{convolution}"
    scale = _tensor(archive, f"{key}/scale/weights")
    bias = _tensor(archive, f"{key}/conv/bias") * scale + _tensor(archive, f"{key}/scale/biases")
    return [_tensor(archive, f"{key}/conv/filters") * scale, bias]


def _tensor(archive, key: str) -> np.ndarray:
    """Return an array of the archive, of 8 bits with `scale, min` beside it or of floats."""
    values = archive[key].astype(np.float64)
    if f"{key}:scale_min" in archive:
        scale, least = archive[f"{key}:scale_min"]
        values = values * scale + least
    return values
