"""Degradation recipes: how a high-resolution image becomes a low-resolution one, as a text.

    recipe = parse_recipe("blur(0.8)|area(16)|noise(0.02)")
    low = recipe(image, seed=sample_seed(seed=0, epoch=3, index=41))

A recipe gives the same bits eagerly, in `tf.data` and in an exported graph.
"""

import dataclasses
import functools

import tensorflow as tf

from mtl_lowres.data import subpixel  # noqa: F401  importing registers
from mtl_lowres.data.degradations import Operation
from mtl_lowres.data.recipe import build_call, format_calls, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DEGRADATIONS


class Recipe:
    """A sequence of degradations; build it with `parse_recipe`.

    Attributes:
        text: canonical text of the recipe; recipes of equal text are equal.
        deterministic: whether no operation is random, that is, whether results may be cached.
        first_size: (height, width) that the first operation brings any image to by averaging, so
            that a JPEG may be decoded at a reduced scale not below it; None where it does not.
    """

    def __init__(self, text: str, operations: list[Operation]):
        self.text = text
        self.deterministic = not any(operation.random for operation in operations)
        first = operations[0]
        self.first_size = first.resized(None, None) if first.averages else None
        self._operations = operations

    def __call__(self, image: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Return the degraded image, float32 in [0, 1].

        Args:
            image: floats in [0, 1], [h, w, c] or [n, h, w, c]; sizes may be unknown in a graph.
            seed: int32 [2], needed when the recipe is random; see `sample_seed`. Each operation
                mixes its own place in the recipe into it, so that two `noise` differ. The images
                of a batch get independent noise from one seed, but one side from `random_size`;
                for a result that depends on the image alone, map the recipe over single images.

        Raises:
            ValueError: if the rank or type is wrong, or a random recipe gets no seed.
        """
        return self._degrade(image, seed, alike=False)

    def clip(self, frames: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Return the degraded frames [t, h, w, c] of one clip, every frame treated alike.

        A random operation draws once a clip: each frame gets the bits that the recipe gives it as
        a single image with this seed. Seed and errors are those of a call with an image.
        """
        return self._degrade(frames, seed, alike=True)

    def _degrade(self, image, seed, alike: bool) -> tf.Tensor:
        image = tf.convert_to_tensor(image)
        if not image.dtype.is_floating or image.shape.rank not in (3, 4):
            raise ValueError(
                "a recipe takes floats in [0, 1] of shape [h, w, c] or [n, h, w, c], "
                f"got {image.dtype.name} {image.shape}"
            )
        if seed is None and not self.deterministic:
            raise ValueError(f"recipe {self.text!r} is random: pass seed=sample_seed(...)")
        images = tf.cast(image if image.shape.rank == 4 else image[tf.newaxis], tf.float32)
        size = images.shape[1], images.shape[2]
        for place, operation in enumerate(self._operations):
            if operation.random:
                own_seed = tf.random.experimental.stateless_fold_in(seed, place)
                each = operation.clip or functools.partial(_each_with_seed, operation)
                images = (each if alike else operation.apply)(images, own_seed)
            else:
                images = operation.apply(images, None)
            size = operation.resized(*size)
            images = tf.ensure_shape(images, [None, *size, None])
            images = tf.clip_by_value(images, 0.0, 1.0)
        return images if image.shape.rank == 4 else images[0]

    def faster(self) -> "Recipe":
        """Return a recipe with fewer operations, whose results differ by rounding errors."""
        operations = [
            dataclasses.replace(operation, apply=operation.fast or operation.apply)
            for operation in self._operations
        ]
        return Recipe(self.text, operations)

    def output_size(self, height: int | None = None, width: int | None = None) -> tuple:
        """Return (height, width) of the result for an input of that size.

        None stands for a side that is not known, in the arguments as in the result.
        """
        size = height, width
        for operation in self._operations:
            size = operation.resized(*size)
        return size

    def __eq__(self, other) -> bool:
        return isinstance(other, Recipe) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"parse_recipe({self.text!r})"


def _each_with_seed(operation: Operation, frames: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Apply a random operation to each frame [t, h, w, c] by itself, with the same seed."""
    return tf.map_fn(lambda frame: operation.apply(frame[tf.newaxis], seed)[0], frames)


def parse_recipe(text: str) -> Recipe:
    """Build the degradation that a text describes; `list_degradations()` names the operations.

    Raises:
        InputError: if it cannot be read, names an unknown operation or gives a wrong argument.

    Example:
        >>> parse_recipe("bicubic(1/7)|bicubic(112)").output_size(112, 96)
        (112, 112)
    """
    calls = parse_calls(text)
    try:
        operations = [build_call(call, DEGRADATIONS) for call in calls]
    except InputError as error:
        raise InputError(f"recipe {text!r}: {error}") from None
    return Recipe(format_calls(calls), operations)


def parse_repeatable(text: str, what: str) -> Recipe | None:
    """Build the degradation behind files that are made once, None for an empty text.

    Args:
        text: of `parse_recipe`.
        what: is made, for the message, such as `"the flow is computed"`.

    Raises:
        InputError: if it is random, or `parse_recipe` refuses it.
    """
    recipe = parse_recipe(text) if text else None
    if recipe is not None and not recipe.deterministic:
        raise InputError(
            f"degrade={text!r} is random, but {what} once: leave the random operations out"
        )
    return recipe


def sample_seed(seed: tf.Tensor, epoch: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Return the int32 [2] seed of one sample in one epoch; stateless, so in any order.

    `seed` is that of the run and `index` the place of the sample in its manifest; integers below
    2**31. The same three give the same seed whatever the number of workers.
    """
    run = tf.stack([tf.cast(seed, tf.int32), tf.cast(epoch, tf.int32)])
    return tf.random.experimental.stateless_fold_in(run, tf.cast(index, tf.int32))


list_degradations = DEGRADATIONS.list
