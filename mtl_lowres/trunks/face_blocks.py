"""The blocks of dlib's face network, and its released weights.

Source: King, dlib 19.3 (2017), `dnn_face_recognition_ex.cpp`; the weights as ported by face-api.js
(quantised to 8 bits). Each convolution is followed in dlib by a scale and an offset per channel,
which are multiplied into kernel and bias here.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError

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
_MEAN_COLOUR = (122.782, 117.001, 104.298)
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


def prepare_face(x: tf.Tensor, side: int, name: str) -> tf.Tensor:
    """Bring an image to three channels, at least `side` pixels a side and dlib's range of values.

    Args:
        x: symbolic [n, h, w, 1 or 3] in [0, 1]; a smaller image is enlarged bicubically.
        side: in pixels.
        name: of the trunk, prefix of the layers.
    """
    height, width, channels = x.shape[1:]
    factor = max(1.0, side / min(height, width))
    if factor > 1:
        x = tf.keras.layers.Resizing(
            round(height * factor), round(width * factor), "bicubic", name=f"{name}_enlarged"
        )(x)
    if channels == 1:
        x = tf.keras.layers.Concatenate(name=f"{name}_rgb")([x, x, x])
    offsets = [-mean / 256 for mean in _MEAN_COLOUR]
    return tf.keras.layers.Rescaling(255 / 256, offsets, name=f"{name}_centred")(x)


def face_stem(x: tf.Tensor, name: str) -> tf.Tensor:
    """Return a 7x7 convolution of stride 2 and 3x3 max-pooling of stride 2, 32 channels.

    Args:
        x: symbolic [n, h, w, 3] from `prepare_face`.
        name: of the trunk, prefix of the layers.
    """
    name = f"{name}_{FACE_RESNET_BLOCKS[0]}"
    x = tf.keras.layers.Conv2D(
        32, 7, strides=2, kernel_initializer="he_normal", name=f"{name}_conv1"
    )(x)
    x = tf.keras.layers.ReLU(name=f"{name}_relu1")(x)
    return tf.keras.layers.MaxPooling2D(3, strides=2, name=f"{name}_max")(x)


def block_width(block: str) -> int:
    """Return the channels of a block: 32 of `conv32_1`."""
    return int(block.split("_")[0].removeprefix("conv"))


def face_block(x: tf.Tensor, block: str, name: str) -> tf.Tensor:
    """Return ReLU(shortcut + two convolutions); in a block called `down` sides are halved.

    Args:
        x: symbolic maps [n, h, w, c].
        block: one of `FACE_RESNET_BLOCKS` after the first.
        name: of the trunk, prefix of the layers.
    """
    name, width, down = f"{name}_{block}", block_width(block), "down" in block
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


def face_convolutions(model: tf.keras.Model) -> list[tf.keras.layers.Conv2D]:
    """Return the convolutions of a trunk that have dlib's weights."""
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]


def archive_block(layer: tf.keras.layers.Layer, model: tf.keras.Model) -> str:
    """Return the block of a convolution: `conv32_1` of `face_resnet_conv32_1_conv2`."""
    return layer.name.removeprefix(f"{model.name}_").rpartition("_")[0]


def load_face_weights(model: tf.keras.Model, path: Path) -> None:
    """Set the convolutions of a trunk, and its layer `fc` if it has one, to dlib's weights.

    Args:
        model: whose convolutions are named after the trunk and `FACE_RESNET_BLOCKS`.
        path: of `face_embedding_uint8.npz` or its folder.

    Raises:
        InputError: if the file is missing or does not fit.
    """
    path = path / _WEIGHTS_FILE if path.is_dir() else path
    try:
        with np.load(path, allow_pickle=False) as archive:
            for layer in face_convolutions(model):
                layer.set_weights(_kernel_and_bias(archive, layer, model))
            for layer in model.layers:
                if layer.name == f"{model.name}_fc":
                    layer.set_weights([_tensor(archive, "fc")])
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is missing: give the path of {_WEIGHTS_FILE} or its folder as weights"
        ) from error
    except Exception as error:  # a damaged archive makes its readers raise a dozen kinds
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} does not fit trunk {model.name!r} ({reason}): give {_WEIGHTS_FILE}"
        ) from error


def _kernel_and_bias(archive, layer: tf.keras.layers.Conv2D, model: tf.keras.Model) -> list:
    """Return the convolution with dlib's scale and offset of its channels multiplied in."""
    block, convolution = archive_block(layer, model), layer.name.rpartition("_")[2]
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
