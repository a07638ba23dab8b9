"""Files to images and clips, by functions that TensorFlow prepares once for all manifests.

To trace and prepare the decoding of six formats takes a second or two, far longer than to decode a
few hundred tiny images. So these functions know nothing of a manifest, and are kept.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import ClipSampling
from mtl_lowres.data.decode import decode_image, decode_near_size, tolerant_map
from mtl_lowres.data.degrade import Recipe, sample_seed
from mtl_lowres.data.packed import read_contents
from mtl_lowres.data.plain_first import map_images
from mtl_lowres.data.video import check_part, explain_clip, is_image, read_distinct

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
# A single worker would only cost the handing over from thread to thread.
_PARALLEL_CALLS = tf.data.AUTOTUNE if _CORES > 1 else None
# Of each kind; one holds some ten megabytes.
_FUNCTIONS_KEPT = 16
_REASONS_KEPT = 10_000
# Keeps the draws of a second recipe apart from those of the first, which has the same seed.
_LOW_STREAM = 3000
# The start or stop of a part of a file that has none.
NO_END = -1
# (path, start, stop) -> why no clip could be read from there.
_reasons: dict[tuple, str] = {}

_STRINGS = tf.TensorSpec([None], tf.string)
_NUMBERS = tf.TensorSpec([None], tf.int64)
_NUMBER = tf.TensorSpec([], tf.int64)


@functools.lru_cache(_FUNCTIONS_KEPT)
def image_reader(
    recipe: Recipe,
    augmentation: Augmentation | None,
    fast_decode: bool,
    contents_of: Callable | None,
    shape: tuple[int, ...],
) -> Callable:
    """Return a function that reads images and makes of each what a recipe says.

    Args:
        recipe: of every image.
        augmentation: whose steps at high resolution come first.
        fast_decode: whether large JPEGs are decoded at a reduced scale.
        contents_of: from paths [n] to the bytes of the files, where some are places in shards;
            None where each path names a file.
        shape: of a result.

    Returns:
        (paths string [n], rows int64 [n], epochs int64 [n], seed int64 []) -> (images float32
        [n, *shape], ok bool [n]).
    """
    if fast_decode:
        recipe = recipe.faster()

    @tf.function(input_signature=[_STRINGS, _NUMBERS, _NUMBERS, _NUMBER], autograph=False)
    def images(paths, rows, epochs, seed):
        def degraded(image, item):
            own_seed = sample_seed(seed, item[2], item[1])
            if augmentation and augmentation.has_hr:
                image = augmentation.images(image[tf.newaxis], own_seed, at="hr")[0]
            return recipe(image, own_seed)

        return map_images(
            degraded,
            (contents_of(paths) if contents_of else paths, rows, epochs),
            shape,
            contents_of=lambda item: item[0] if contents_of else tf.io.read_file(item[0]),
            near_size=recipe.first_size if fast_decode else None,
            parallel_calls=_PARALLEL_CALLS,
        )

    return images


@functools.lru_cache(_FUNCTIONS_KEPT)
def clip_reader(
    recipe: Recipe,
    augmentation: Augmentation | None,
    fast_decode: bool,
    sampling: ClipSampling,
    shape: tuple[int, ...],
) -> Callable:
    """Return a function that reads clips and makes of each what a recipe says.

    Args:
        recipe, augmentation, fast_decode, shape: as of `image_reader`.
        sampling: which frames are taken.

    Returns:
        (paths string [n], starts int64 [n], stops int64 [n], rows int64 [n], epochs int64 [n], seed
        int64 []) -> (clips float32 [n, *shape], ok bool [n]); `NO_END` for no start or stop.
    """
    if fast_decode:
        recipe = recipe.faster()
    choose_and_read = functools.partial(_read_frames, sampling)

    def read(path, start, stop, seed):
        frames, contents, places = tf.numpy_function(
            choose_and_read,
            [path, start, stop, seed],
            (tf.float32, tf.string, tf.int64),
            stateful=False,
        )
        # Images are decoded in the graph, as without clips.
        frames = tf.cond(
            tf.strings.length(contents) > 0,
            lambda: _decoded(contents, recipe, fast_decode)[tf.newaxis],
            lambda: tf.ensure_shape(frames, [None, None, None, 3]),
        )
        if augmentation and augmentation.has_hr:
            frames = augmentation.images(frames[tf.newaxis], seed, at="hr")[0]
        return tf.gather(recipe.clip(frames, seed), tf.ensure_shape(places, [None]))

    @tf.function(input_signature=[_STRINGS, *[_NUMBERS] * 4, _NUMBER])
    def clips(paths, starts, stops, rows, epochs, seed):
        return tolerant_map(
            lambda item: read(*item[:3], sample_seed(seed, item[4], item[3])),
            (paths, starts, stops, rows, epochs),
            shape,
            parallel_calls=_PARALLEL_CALLS,
        )

    return clips


@functools.lru_cache(_FUNCTIONS_KEPT)
def degrader(recipe: Recipe, high: tuple[int, ...], shape: tuple[int, ...]) -> Callable:
    """Return a function that degrades images or clips which are already at a high resolution.

    Args:
        recipe: of every image; all frames of a clip are treated alike.
        high: shape of what it takes, (h, w, 3) or (t, h, w, 3).
        shape: of a result.

    Returns:
        (images float32 [n, *high], rows int64 [n], epochs int64 [n], seed int64 []) -> (images
        float32 [n, *shape], ok bool [n]).
    """
    degrade = recipe if len(high) == 3 else recipe.clip

    @tf.function(input_signature=[tf.TensorSpec([None, *high]), _NUMBERS, _NUMBERS, _NUMBER])
    def degraded(images, rows, epochs, seed):
        return tolerant_map(
            lambda item: degrade(item[0], low_seed(seed, item[2], item[1])),
            (images, rows, epochs),
            shape,
            parallel_calls=_PARALLEL_CALLS,
        )

    return degraded


@functools.lru_cache(_FUNCTIONS_KEPT)
def frames_degrader(recipe: Recipe) -> Callable:
    """Return a function that degrades frames float32 [t, h, w, 3] by a recipe without randomness.

    It is `recipe.clip`, prepared once for clips of all lengths and sizes.
    """
    return tf.function(
        lambda frames: recipe.clip(frames), input_signature=[tf.TensorSpec([None, None, None, 3])]
    )


def low_seed(seed, epoch, row) -> tf.Tensor:
    """Return the seed of a row's recipe from high to low resolution, int32 [2]."""
    return tf.random.experimental.stateless_fold_in(sample_seed(seed, epoch, row), _LOW_STREAM)


def why_no_clip(path: str, start: int | None, stop: int | None) -> str | None:
    """Say in one line why no clip was read from a part of a file, or return None if one can be."""
    return _reasons.get(_part(path, start, stop)) or explain_clip(path, start, stop)


def _decoded(contents: tf.Tensor, recipe: Recipe, fast_decode: bool) -> tf.Tensor:
    if fast_decode and recipe.first_size is not None:
        return decode_near_size(contents, recipe.first_size)
    return decode_image(contents)


def _read_frames(sampling: ClipSampling, path: bytes, start: int, stop: int, seed: np.ndarray):
    """Return (different frames float32 [k, h, w, 3], bytes of an image, places int64 [t]).

    Either frames or bytes are empty. A file that cannot be read has no places.
    """
    path = Path(path.decode())
    start, stop = (None if end == NO_END else int(end) for end in (start, stop))
    no_frames = np.zeros((0, 1, 1, 3), np.float32)
    _reasons.pop(_part(path, start, stop), None)  # of an earlier try
    try:
        if is_image(path):
            check_part(1, start, stop)
            return no_frames, read_contents(path), np.zeros(sampling.frames, np.int64)
        choose = functools.partial(sampling.indices, seed=seed)
        frames, places = read_distinct(path, start, stop, choose)
    except (ValueError, OSError) as error:
        if len(_reasons) >= _REASONS_KEPT:  # they can be found out again
            _reasons.clear()
        _reasons[_part(path, start, stop)] = str(error)
        return no_frames, b"", np.zeros(0, np.int64)
    if frames.dtype == np.uint8:
        frames = np.multiply(frames, np.float32(1 / 255), dtype=np.float32)
    return frames, b"", places


def _part(path: str | Path, start: int | None, stop: int | None) -> tuple:
    return str(path), start, stop
