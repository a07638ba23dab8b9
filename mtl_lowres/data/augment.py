"""Augmentation of training batches, as a text: `"flip(0.5)|shift(1)|contrast(0.1)|mixup(0.2)"`.

Every operation draws anew for each image of the batch, and once for all frames of a clip. The
geometric ones are composed, in the order written, into one warp that repeats the border, so that
an image is interpolated once (bilinearly, or not at all with `nearest`); where they only mirror,
pixels change places instead. The others follow on the result, in the order written; `mixup` comes
last, and `blend` before the degradation. Lengths are in pixels of the image that is changed: the
low-resolution one, or with `at="hr"` its source.

Of clips with optical flow the warp turns, mirrors and scales the vectors too, and changes of values
leave them alone.
"""

import dataclasses
import functools

import tensorflow as tf

from mtl_lowres.data.augmentations import PixelChange, Sampling, Warp
from mtl_lowres.data.mixtures import Blend, Mix
from mtl_lowres.data.recipe import Call, build_call, format_calls, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.registry import AUGMENTATIONS

# Channels behind these are optical flow.
_COLOURS = 3
# Keeps random numbers apart from those of a degradation recipe that is given the same seed.
_FIRST_PLACE = 1000


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation with the image that it changes ("lr" or "hr") and its place in the text."""

    operation: Warp | PixelChange | Blend | Mix | Sampling
    at: str
    place: int

    def own_seed(self, seed: tf.Tensor) -> tf.Tensor:
        """Return a seed of this step only, so that equal operations in one text differ."""
        return tf.random.experimental.stateless_fold_in(seed, _FIRST_PLACE + self.place)


class Augmentation:
    """A sequence of augmentations; build it with `parse_augment`.

    Attributes:
        text: canonical text.
        mixes: whether it has a `mixup`, for which labels must be distributions.
        has_hr: whether it changes images before they are degraded.
        blend: the step that mixes images of two rows before they are degraded, or None.
        square_only: whether it takes square images only.
    """

    def __init__(self, text: str, steps: list[Step]):
        self.text = text
        self.mixes = any(isinstance(step.operation, Mix) for step in steps)
        self.has_hr = any(step.at == "hr" for step in steps)
        self.blend = next((step for step in steps if isinstance(step.operation, Blend)), None)
        self.square_only = any(getattr(step.operation, "square_only", False) for step in steps)
        self._steps = steps

    def images(self, images: tf.Tensor, seed: tf.Tensor, at: str = "lr") -> tf.Tensor:
        """Return images [n, h, w, c] or clips [n, t, h, w, c] changed as the steps for `at` say.

        They are float32 in [0, 1]. The same images and `seed` (int32 [2]) give the same result.
        Without a step for `at` they come back as they are.

        Raises:
            ValueError: if a step needs square images and these are not.
        """
        steps = [step for step in self._steps if step.at == at]
        if not steps:
            return images
        if images.shape.rank == 5:
            return self._clips(images, steps, seed)
        return self._clips(images[:, tf.newaxis], steps, seed)[:, 0]

    def _clips(self, clips: tf.Tensor, steps: list[Step], seed: tf.Tensor) -> tf.Tensor:
        warps = [step for step in steps if isinstance(step.operation, Warp)]
        changes = [step for step in steps if isinstance(step.operation, PixelChange)]
        if all(step.operation.mirror for step in warps):
            for step in warps:
                clips = step.operation.mirror(clips, step.own_seed(seed))
        else:
            samplings = [s.operation for s in steps if isinstance(s.operation, Sampling)]
            interpolation = samplings[-1].interpolation if samplings else "BILINEAR"
            clips = _warp(clips, warps, seed, interpolation)
        if not changes:
            return clips
        colours, flow = clips[..., :_COLOURS], clips[..., _COLOURS:]
        for step in changes:
            colours = step.operation.apply(colours, step.own_seed(seed))
        return tf.concat([tf.clip_by_value(colours, 0.0, 1.0), flow], axis=-1)

    def draw_blend(self, seed: tf.Tensor, rows: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw for one row the share of its own image, 1 for all, and the row to blend it with."""
        return self.blend.operation.draw(self.blend.own_seed(seed), rows)

    def mix(
        self,
        images: tf.Tensor | dict[str, tf.Tensor],
        labels: dict[str, tf.Tensor],
        weights: dict[str, tf.Tensor],
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Mix each image, its labels and weights with those of another one of the batch.

        Args:
            images: float32 [n, h, w, c], or clips [n, t, h, w, c], or a dict of several such.
            labels: task -> float [n, classes] (distributions) or float [n].
            weights: task -> float32 [n], 0 where the label is missing. The weight of a pair is 0
                for a task in which either label is missing.
            seed: int32 [2].

        Raises:
            ValueError: if labels are integers, which cannot be mixed.
        """
        for task, label in labels.items():
            if not label.dtype.is_floating:
                raise ValueError(
                    f"mixup needs one-hot or continuous labels, got {label.dtype.name} for "
                    f"{task!r}: pass tf.one_hot(labels, classes)"
                )
        for step in self._steps:
            if not isinstance(step.operation, Mix):
                continue
            pair_seed, share_seed = tf.unstack(tf.random.split(step.own_seed(seed)))
            size = tf.shape(tf.nest.flatten(images)[0])[0]
            partner = tf.random.experimental.stateless_shuffle(tf.range(size), pair_seed)
            mix = functools.partial(_mix, partner, step.operation.shares(size, share_seed))
            images = tf.nest.map_structure(mix, images)
            labels = {task: mix(label) for task, label in labels.items()}
            weights = {
                task: tf.where((weight > 0) & (tf.gather(weight, partner) > 0), mix(weight), 0.0)
                for task, weight in weights.items()
            }
        return images, labels, weights

    def __eq__(self, other) -> bool:
        return isinstance(other, Augmentation) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"parse_augment({self.text!r})"


def parse_augment(text: str) -> Augmentation:
    """Build the augmentation that a text describes; `list_augmentations()` names the operations.

    Every operation but `mixup` takes `at="hr"`, which moves it to the image before degradation;
    `blend` is always there, once at most.

    Raises:
        InputError: if it cannot be read, names an unknown operation or gives a wrong argument.

    Example:
        >>> parse_augment('rotate(10, at="hr")|shift(1)|mixup(0.2)').has_hr
        True
    """
    calls = parse_calls(text)
    try:
        steps = [_build_step(call, place) for place, call in enumerate(calls)]
    except InputError as error:
        raise InputError(f"augmentation {text!r}: {error}") from None
    if sum(isinstance(step.operation, Blend) for step in steps) > 1:
        raise InputError(f"augmentation {text!r}: blend stands there twice; leave one out")
    return Augmentation(format_calls(calls), steps)


def _build_step(call: Call, place: int) -> Step:
    arguments = dict(call.kwargs)
    at = arguments.pop("at", "hr" if call.name == "blend" else "lr")
    if at not in ("lr", "hr"):
        raise InputError(f'{call}: at must be "lr" or "hr", got {at!r}')
    operation = build_call(Call(call.name, call.args, arguments), AUGMENTATIONS)
    if isinstance(operation, Mix) and "at" in call.kwargs:
        raise InputError(f"{call}: mixup is of low-resolution batches; leave out at=")
    if isinstance(operation, Blend) and at == "lr":
        raise InputError(f"{call}: blend is of images before they are degraded; leave out at=")
    if isinstance(operation, Warp) and operation.square_only and at == "hr":
        raise InputError(
            f"{call}: it takes square images, which sources need not be; leave out at="
        )
    return Step(operation, at, place)


def _warp(clips: tf.Tensor, steps: list[Step], seed: tf.Tensor, interpolation: str) -> tf.Tensor:
    if any(step.operation.square_only for step in steps) and clips.shape[2] != clips.shape[3]:
        raise ValueError(f"turn() takes square images, not {clips.shape[2]} x {clips.shape[3]}")
    size, frames, height, width, channels = tf.unstack(tf.shape(clips))
    to_source = functools.reduce(
        tf.matmul, [step.operation.matrices(size, step.own_seed(seed)) for step in steps]
    )
    centre_x, centre_y = ((tf.cast(side, tf.float32) - 1.0) * 0.5 for side in (width, height))
    a, b, x = tf.unstack(to_source[:, 0], axis=1)
    c, d, y = tf.unstack(to_source[:, 1], axis=1)
    x += centre_x - a * centre_x - b * centre_y
    y += centre_y - c * centre_x - d * centre_y
    zero = tf.zeros([size])
    transforms = tf.stack([a, b, x, c, d, y, zero, zero], axis=1)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.reshape(clips, [size * frames, height, width, channels]),
        transforms=tf.repeat(transforms, frames, axis=0),
        output_shape=tf.stack([height, width]),
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="NEAREST",
    )
    warped = tf.ensure_shape(tf.reshape(warped, tf.shape(clips)), clips.shape)
    if clips.shape[-1] <= _COLOURS:
        return warped
    return _turn_vectors(warped, to_source[:, :2, :2])


def _turn_vectors(clips: tf.Tensor, to_source: tf.Tensor) -> tf.Tensor:
    """Return warped clips whose encoded flow is as the matrices [n, 2, 2] changed the image."""
    colours, flow = clips[..., :_COLOURS], clips[..., _COLOURS:]
    # A length of zero is encoded as 0.5.
    flow = tf.einsum("nthwj,nij->nthwi", flow - 0.5, tf.linalg.inv(to_source)) + 0.5
    return tf.concat([colours, tf.clip_by_value(flow, 0.0, 1.0)], axis=-1)


def _mix(partner: tf.Tensor, shares: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    shares = tf.reshape(shares, [-1] + [1] * (values.shape.rank - 1))
    return shares * values + (1.0 - shares) * tf.gather(values, partner)


list_augmentations = AUGMENTATIONS.list
