"""Frames in memory, and those of long videos, as batches of what a model sees."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.data.clips import ClipSampling, parse_clip
from mtl_lowres.data.degrade import Recipe, parse_recipe, sample_seed
from mtl_lowres.data.flow import clip_flow, encode_flow
from mtl_lowres.data.frame_stream import stream_frames
from mtl_lowres.data.units import UnitSequence
from mtl_lowres.errors import InputError
from mtl_lowres.input_recipe import input_recipe
from mtl_lowres.serving.files import Batch, Described, batch_size, known_clip

# Floats may leave [0, 1] by a hair after resampling, as in array files.
SLACK = 1e-3


def read_arrays(
    model: Described, arrays: Sequence[np.ndarray], degrade: str | None = None
) -> Iterator[Batch]:
    """Yield what a model sees of images or clips in memory, named by their number as `sample`.

    Args:
        model: it says which recipe and clips it takes.
        arrays: each of any size, uint8 or floats in [0, 1]: images [h, w, 3], or for a model of
            clips [T, h, w, 3] of any number of frames.
        degrade: another recipe than the model's own.

    Raises:
        InputError: if an array cannot be used.
    """
    preparation = _Preparation(model, degrade)
    for first in range(0, len(arrays), batch_size(model)):
        numbers = range(first, min(first + batch_size(model), len(arrays)))
        checked = [_as_frames(arrays[number], number, preparation) for number in numbers]
        samples = [
            preparation.sample(frames, number)
            for number, frames in zip(numbers, checked, strict=True)
        ]
        sides = [min(frames.shape[1:3]) for frames in checked]
        yield Batch([{"sample": number} for number in numbers], np.stack(samples), np.array(sides))


def read_windows(
    model: Described, path: str | Path, window: int, every: int, degrade: str | None = None
) -> Iterator[Batch]:
    """Yield what a model sees of each part of a video, named by its frames, `start` to `stop`.

    Of a file with fewer frames than `window` the only part is all there is.

    Args:
        model: of images, which sees the first frame of each part, or of clips, which sees the
            frames that its rule picks of each.
        path: of a video, an array of frames, or an image.
        window: frames of a part.
        every: a part begins at each `every`-th frame.
        degrade: another recipe than the model's own.
    """
    preparation = _Preparation(model, degrade)
    path = str(path)
    try:
        parts = _parts(path, preparation, window, every)
        while batch := list(itertools.islice(parts, batch_size(model))):
            places = [{"path": path, "start": start, "stop": stop} for start, stop, _, _ in batch]
            sides = [side for _, _, side, _ in batch]
            yield Batch(places, np.stack([sample for *_, sample in batch]), np.array(sides))
    except (ValueError, OSError) as error:
        nothing = np.zeros((0, *model.description["input_shape"]), np.float32)
        yield Batch([{"path": path, "error": str(error)}], nothing, np.zeros(0, np.int32))


def _parts(path: str, preparation: "_Preparation", window: int, every: int) -> Iterator[tuple]:
    """Yield (start, stop, shorter side, sample) of each part of a file."""
    if preparation.sampling is None:
        starts = itertools.count(0, every)
        for frames in stream_frames(path, every):
            for low in preparation.degraded(frames, 0):
                start = next(starts)
                yield start, start + 1, min(frames.shape[1:3]), low
        return
    # Only degraded frames are kept, and of them only those from the next part on.
    begin, number, first, kept = 0, 0, 0, []
    for frames in stream_frames(path):
        side = min(frames.shape[1:3])
        kept += list(preparation.degraded(frames, 0))
        while begin + window <= first + len(kept):
            part = np.stack(kept[begin - first : begin - first + window])
            yield begin, begin + window, side, preparation.picked(part, number)
            begin, number = begin + every, number + 1
        passed = min(begin - first, len(kept))
        first, kept = first + passed, kept[passed:]
    if number == 0:
        yield 0, len(kept), side, preparation.picked(np.stack(kept), 0)


class _Preparation:
    """From frames at any size to a sample, as a model's recipe and rule say.

    Attributes:
        sampling: the rule that picks the frames of a clip; None for images.
    """

    def __init__(self, model: Described, degrade: str | None):
        clip = known_clip(model)
        self.sampling: ClipSampling | UnitSequence | None = parse_clip(clip) if clip else None
        if isinstance(self.sampling, UnitSequence):
            raise InputError(
                f"the model takes stored features ({clip}), not frames: make them with "
                "`mtl-lowres units` and give their files"
            )
        if self.sampling and self.sampling.flow and self.sampling.flow.compute is None:
            raise InputError(f"the model reads stored flow ({clip}): give files in a manifest")
        self._recipe = parse_recipe(input_recipe(model.description, degrade))

    def degraded(self, frames: np.ndarray, number: int) -> np.ndarray:
        """Return low-resolution frames [t, h', w', 3]; `number` draws for a random recipe."""
        if frames.dtype == np.uint8:
            frames = np.multiply(frames, np.float32(1 / 255), dtype=np.float32)
        return _degrader(self._recipe)(frames, sample_seed(0, 0, number)).numpy()

    def sample(self, frames: np.ndarray, number: int) -> np.ndarray:
        """Return what the model sees of the frames of a file or array."""
        if self.sampling is None:
            return self.degraded(frames, number)[0]
        places = self.sampling.indices(len(frames), sample_seed(0, 0, number).numpy())
        distinct, back = np.unique(places, return_inverse=True)
        return self._with_flow(self.degraded(frames[distinct], number)[back])

    def picked(self, low: np.ndarray, number: int) -> np.ndarray:
        """Return the clip that the rule picks of low-resolution frames [t, h', w', 3]."""
        return self._with_flow(low[self.sampling.indices(len(low), [0, number])])

    def _with_flow(self, clip: np.ndarray) -> np.ndarray:
        if self.sampling.flow is None:
            return clip
        method = self.sampling.flow
        flow = encode_flow(clip_flow(method, clip), method.bound)
        return np.concatenate([clip, flow], axis=-1)


@functools.lru_cache(16)
def _degrader(recipe: Recipe) -> Callable:
    """Return `recipe.clip`, prepared once for clips of all lengths and sizes."""
    signature = [tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([2], tf.int32)]
    return tf.function(lambda frames, seed: recipe.clip(frames, seed), input_signature=signature)


def _as_frames(array: np.ndarray, number: int, preparation: _Preparation) -> np.ndarray:
    """Return an image or clip as frames [T, h, w, 3], uint8 or float32, if it can be used."""
    array = np.asarray(array)
    wanted = "[h, w, 3]" if preparation.sampling is None else "[T, h, w, 3]"
    if array.ndim != len(wanted.split(",")) or array.shape[-1] != 3 or array.size == 0:
        raise InputError(f"sample {number} has the shape {array.shape}: give {wanted}")
    if array.dtype != np.uint8:
        if array.dtype.kind != "f":
            raise InputError(
                f"sample {number} holds {array.dtype}: give uint8, or floats in [0, 1]"
            )
        check_range(array, f"sample {number}")
        array = np.clip(array, 0, 1).astype(np.float32)
    return array if array.ndim == 4 else array[np.newaxis]


def check_range(values: np.ndarray, what: str) -> None:
    """Raise InputError unless all floats lie in [0, 1]."""
    low, high = values.min(), values.max()
    # NaN compares false, and so fails.
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise InputError(
            f"{what}: floats must lie in [0, 1], these range from {low:.4g} to {high:.4g}: divide "
            "pixels of 0 to 255 by 255, and look for NaN"
        )
