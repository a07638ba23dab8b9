"""Any backbone as a trunk for images: the mean of its last map, or what all its stages show."""

import dataclasses
import inspect
from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import format_calls, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.layers import MapMoments
from mtl_lowres.registry import BACKBONES, TRUNKS
from mtl_lowres.trunks.backbones import build_backbone
from mtl_lowres.trunks.backbones.freeze import freeze_backbone
from mtl_lowres.trunks.image_input import image_input


@TRUNKS.register("backbone")
def backbone(
    input_shape: Sequence[int],
    *,
    backbone: str = "efficientnet_lite0",
    weights: str | None = None,
    features: str = "last",
    trainable: bool = True,
    train_batch_norm: bool = True,
    name: str = "backbone",
) -> tf.keras.Model:
    """Return a backbone and the mean of its map over all places, such as ImageNet features.

    Of EfficientNet-Lite0 these are the 1280 numbers that its ImageNet classifier reads.

    The last map is the one that suffers most from a low resolution, since what it stands for is
    told by details. `features="stages"` puts what the earlier maps show before it: of the last map
    of each size their means and standard deviations (2304 numbers of EfficientNet-Lite0).

    Args:
        input_shape: (height, width, channels); a backbone says how small an image may be.
        backbone: a name of `list_backbones()`, with options if need be:
            `"mobilenet_v2(alpha=0.35)"`. One that leaves it to the option `top` whether its last
            convolution follows has it here, unless the text says otherwise.
        weights: where the backbone's weights start: None for random ones, a name such as
            `"imagenet"`, or a file or folder; each backbone says what it has.
        features: `"last"`, or `"stages"` for all sizes of map below the image's.
        trainable: whether the backbone learns.
        train_batch_norm: whether its batch normalisations learn and use the statistics of the
            batch; False keeps those of the pretrained weights, as small batches need.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, d], d the channels of the
        last map, or with `"stages"` twice those of the earlier ones more.

    Raises:
        InputError: if the backbone, an option or the shape cannot be used, or the weights are not
            to be had.

    Example:
        >>> backbone((224, 224, 3), weights="efficientnet_lite0/").output_shape
        (None, 1280)
    """
    if features not in ("last", "stages"):
        raise InputError(f"features={features!r} cannot be used: choose 'last' or 'stages'")
    image = image_input(input_shape, 1, name)
    network = build_backbone(
        _with_top(backbone), input_shape, weights=weights, name=f"{name}_network"
    )
    freeze_backbone(network, trainable, train_batch_norm)
    earlier = _earlier_stages(network) if features == "stages" else []
    if earlier:
        outputs = [*earlier, network.output]
        network = tf.keras.Model(network.input, outputs, name=network.name)
    *earlier, last = tf.nest.flatten(network(image))
    x = tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(last)
    if earlier:
        moments = [
            MapMoments(name=f"{name}_stage{number}")(maps) for number, maps in enumerate(earlier, 1)
        ]
        x = tf.keras.layers.Concatenate(name=f"{name}_stages")([*moments, x])
    return tf.keras.Model(image, x, name=name)


def _earlier_stages(network: tf.keras.Model) -> list[tf.Tensor]:
    """Return the last map of each size between that of the image and that of the output."""
    height, last_height = network.input.shape[1], network.output.shape[1]
    maps = {
        output.shape[1]: output
        for layer in network.layers
        for output in tf.nest.flatten(layer.output)
        if output.shape.rank == 4
    }
    # Squeezed maps of one pixel are weights of channels, and no stage.
    return [maps[side] for side in maps if last_height < side < height]


def _with_top(text: str) -> str:
    """Return the text of a backbone with `top=True` where it has that option and leaves it open."""
    first, *others = parse_calls(text)
    if "top" in inspect.signature(BACKBONES.get(first.name)).parameters:
        first = dataclasses.replace(first, kwargs={"top": True, **first.kwargs})
    return format_calls([first, *others])
