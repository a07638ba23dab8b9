"""Read, decode and degrade manifest rows, images or clips."""

import dataclasses
import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import ClipSampling
from mtl_lowres.data.decode import explain
from mtl_lowres.data.degrade import Recipe
from mtl_lowres.data.flow_channels import FlowChannels
from mtl_lowres.data.packed import file_of, is_packed, packed_batch
from mtl_lowres.data.reading import NO_END, clip_reader, image_reader, why_no_clip
from mtl_lowres.data.recipe import require_number
from mtl_lowres.errors import InputError


@dataclass
class BadFiles:
    """The files that could not be decoded, and how many may fail before the run stops.

    Attributes:
        total: rows of all the datasets that share this object.
        budget: the tolerated fraction of the rows, in [0, 1].
        reasons: path -> one-line reason, filled while a dataset is read.
        error: what `record` raised. Raised inside a `tf.data` pipeline it reaches the caller as a
            TensorFlow error; this is the original.

    Raises:
        InputError: if `budget` is none.
    """

    total: int
    budget: float = 0.01
    reasons: dict[str, str] = field(default_factory=dict)
    error: InputError | None = None

    def __post_init__(self):
        require_number("the budget of bad files, --bad-file-budget,", self.budget, 0, 1)

    def record(self, reasons: dict[str, str]) -> None:
        """Note undecodable files, path -> reason.

        Raises:
            InputError: when more than `budget` of the rows are bad.
        """
        self.reasons = {**reasons, **self.reasons}
        if len(self.reasons) > self.budget * self.total:
            path, reason = next(iter(self.reasons.items()))
            self.error = InputError(
                f"{len(self.reasons)} of {self.total} files cannot be used, over the budget of "
                f"{self.budget:.1%}; the first is {path}: {reason}. Mend or remove them "
                "(`mtl-lowres manifest --check` lists all), or in training raise --bad-file-budget"
            )
            raise self.error

    def to_frame(self) -> pd.DataFrame:
        """Return a table with the columns `path` and `reason`, sorted by path."""
        return pd.DataFrame(sorted(self.reasons.items()), columns=["path", "reason"])


class Loader:
    """Reads, decodes and degrades rows of a manifest in the graph.

    Attributes:
        shape: of what it makes of a row: (h, w, 3), or for clips (t, h, w, 3), with flow (.., 5).
        shapes: `{"lr": shape}`; other loaders give images of several sizes, each by its name.
        repeatable: whether a row gives the same in every epoch.
        contents_of: for images, from paths [n] to the bytes of the files where some are places in
            shards; None where each path names a file.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        recipe: Recipe,
        augmentation: Augmentation | None,
        seed: int,
        fast_decode: bool,
        clip: ClipSampling | None = None,
    ):
        self.paths = manifest["path"].astype(str).to_numpy()
        self.recipe = recipe
        self.seed = seed
        self.augmentation = augmentation
        self.fast_decode = fast_decode
        self.clip = clip
        self.parts = [(None, None)] * len(manifest)
        self.flow = None
        self._flow_reasons: dict[int, str] = {}
        if clip is not None:
            ends = (_frame_numbers(manifest, column) for column in ("start", "stop"))
            self.parts = list(zip(*ends, strict=True))
            if clip.flow is not None:
                self.flow = FlowChannels(
                    manifest, clip, self.parts, seed, self._flow_reasons.__setitem__
                )
        size = fixed_size(recipe)
        self.shape = (*size, 3) if clip is None else clip.shape(size)
        self.shapes = {"lr": self.shape}
        self._read_shape = (*self.shape[:-1], 3)
        self.repeatable = (
            recipe.deterministic
            and (clip is None or clip.deterministic)
            and not (augmentation and augmentation.has_hr)
        )
        self.contents_of = packed_batch if any(map(is_packed, self.paths)) else None
        self._path_table = tf.constant(self.paths)
        if clip is not None:
            self._end_table = tf.constant(
                [[NO_END if end is None else end for end in part] for part in self.parts],
                tf.int64,
                [len(self.parts), 2],
            )

    def __call__(self, index, epoch):
        """Return ({"lr": images float32 [n, *shape]}, ok bool [n]) of the rows `index` [n].

        `epoch` is a number for all of them, or one each [n].
        """
        epochs = tf.broadcast_to(epoch, tf.shape(index))
        images, ok = self.images(index, epochs)
        return self.with_flow({"lr": images}, ok, index, epochs)

    def images(self, index, epochs):
        """Return what the recipe makes of the rows `index` [n], and which could be read."""
        rows, epochs = tf.cast(index, tf.int64), tf.cast(epochs, tf.int64)
        # The other steps come later, and would have the same function prepared once more.
        has_hr = self.augmentation is not None and self.augmentation.has_hr
        options = (self.recipe, self.augmentation if has_hr else None, self.fast_decode)
        paths = tf.gather(self._path_table, index)
        if self.clip is None:
            read = image_reader(*options, self.contents_of, self._read_shape)
            return read(paths, rows, epochs, self.seed)
        ends = tf.unstack(tf.gather(self._end_table, index), num=2, axis=1)
        sampling = dataclasses.replace(self.clip, flow=None)
        return clip_reader(*options, sampling, self._read_shape)(
            paths, *ends, rows, epochs, self.seed
        )

    def with_flow(self, images: dict[str, tf.Tensor], ok, index, epochs):
        """Return the clips [n, t, h, w, 3] of each size with the flow that is asked for, and ok."""
        if self.flow is None:
            return images, ok
        whole = {}
        for size, clips in images.items():
            whole[size], found = self.flow(clips, index, epochs)
            ok &= found
        return whole, ok

    def explain(self, row: int) -> str:
        """Say in one line why a row could not be read."""
        path = self.paths[row]
        if self.clip is None:
            return explain(path) or "could not be degraded"
        reason = self._flow_reasons.get(row) or why_no_clip(path, *self.parts[row])
        return reason or "could not be degraded"

    def fingerprint(self) -> str:
        """Name the content of a cache: a changed file, recipe or option gives another name."""
        augmentation = self.augmentation and self.augmentation.text
        settings = f"{self.recipe.text}|{self.fast_decode}|{self.seed}|{augmentation}"
        digest = hashlib.sha256(settings.encode())
        if self.clip is not None:
            digest.update(f"{self.clip.text}|{self.parts}".encode())
        if self.flow is not None:
            digest.update(self.flow.fingerprint().encode())
        state_of = functools.lru_cache(_state)  # many rows may lie in one shard
        for path in self.paths:
            digest.update(f"{path}|{state_of(file_of(path))}\n".encode())
        return digest.hexdigest()


def _state(file: Path) -> str:
    try:
        state = file.stat()
    except OSError:
        return "missing"
    return f"{state.st_size}|{state.st_mtime_ns}"


def fixed_size(recipe: Recipe) -> tuple[int, int]:
    """Return (height, width) of what a recipe makes of any image.

    Raises:
        InputError: if that depends on the image.
    """
    size = recipe.output_size(None, None)
    if None in size:
        raise InputError(
            f"the recipe {recipe.text!r} does not fix the size of the images: end it with a "
            "size, such as area(16)"
        )
    return size


def _frame_numbers(manifest: pd.DataFrame, column: str) -> list[int | None]:
    if column not in manifest:
        return [None] * len(manifest)
    return [None if pd.isna(number) else int(number) for number in manifest[column]]
