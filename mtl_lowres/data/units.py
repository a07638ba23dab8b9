"""Stored unit features: a video as the vectors that a network gave its successive units.

A unit is a few frames in a row, such as the 16 that C3D looks at. `mtl-lowres units` writes the
units of a video to a `.npy` file [units, width]; those of its optical flow lie in another file of
the same shape, which the manifest's column `flow` names. As a clip rule the text `"units(20,
4096)"` says that rows are such files.
"""

import dataclasses
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.recipe import require_integer
from mtl_lowres.registry import SAMPLINGS

# Beyond it the features of one video would fill the memory.
_MAX_UNITS = 1024
_MAX_WIDTH = 1 << 20


@dataclasses.dataclass(frozen=True)
class UnitSequence:
    """How a video's stored features become one sample; build it with `parse_clip`.

    Attributes:
        frames: units a sample has, as `ClipSampling.frames`.
        width: features a unit has in each of the two streams.
        text: canonical text; sequences of equal text are equal.
        flow: None, since the flow is stored and not computed.
        deterministic: True, since all units are taken alike every time.
    """

    frames: int
    width: int
    text: str = ""
    flow: None = dataclasses.field(default=None, init=False)
    deterministic: bool = dataclasses.field(default=True, init=False)

    def shape(self, size: tuple[int, int] | None = None) -> tuple[int, int]:
        """Return the shape of a sample, (units, 2 * width); there is no size of frames."""
        return self.frames, 2 * self.width

    def places(self, count: int) -> np.ndarray:
        """Return which of `count` units a sample has: all, or as many as fit, evenly spread."""
        if count <= self.frames:
            return np.arange(count)
        return (2 * np.arange(self.frames) + 1) * count // (2 * self.frames)


@SAMPLINGS.register("units")
def units(n: int, width: int) -> UnitSequence:
    """Take `n` stored units of `width` features a stream: appearance, then flow, [n, 2 * width].

    A shorter video ends in units of zeros; of a longer one the middle units of `n` equal parts are
    taken: `floor((2 i + 1) count / (2 n))`.
    """
    require_integer("n", n, 1, _MAX_UNITS)
    return UnitSequence(n, require_integer("width", width, 1, _MAX_WIDTH))


class UnitLoader:
    """Reads rows of stored unit features; it has the interface of `loading.Loader`.

    A row's `path` is a `.npy` file of floats [units, width], its column `flow` another. Each unit
    of each stream is divided by its length, and a unit of zeros left as it is. `path` says how many
    units a video has: where the flow has one fewer, as a flow of one frame less gives, the last is
    zeros, and where it has one more, that is left out. Without the column a file may hold both
    streams side by side, [units, 2 * width]; if it does not, the second half of the sample is
    zeros, of which a warning tells. Columns `start` and `stop` tell which frames the units were
    made of, and are not looked at.

    A row is bad whose file is missing, empty, truncated, or no array of floats of that width; has
    no unit, NaN or infinite values, or another number of units than its flow by two or more; or
    whose cell `flow` is empty where there is the column.

    Args:
        manifest: rows with a column `path` and perhaps `flow`.
        sequence: the number of units and their width.
        seed: of the run; nothing here is random.

    Attributes:
        shape: of a sample, (units, 2 * width).
        shapes: `{"lr": shape}`.
        repeatable: True.
        clip: the sequence.
    """

    repeatable = True

    def __init__(self, manifest: pd.DataFrame, sequence: UnitSequence, seed: int = 0):
        self.paths = manifest["path"].astype(str).to_numpy()
        self.seed = seed
        self.clip = sequence
        self.shape = sequence.shape()
        self.shapes = {"lr": self.shape}
        self._flows = None
        if "flow" in manifest:
            self._flows = [None if pd.isna(cell) else str(cell) for cell in manifest["flow"]]

    def __call__(self, index, epoch):
        """Return ({"lr": float32 [n, units, 2 * width]}, ok bool [n]) of the rows `index` [n]."""
        samples, ok = tf.numpy_function(
            self._read_rows, [index], (tf.float32, tf.bool), stateful=False
        )
        samples = tf.ensure_shape(samples, [None, *self.shape])
        return {"lr": samples}, tf.ensure_shape(ok, [None])

    def explain(self, row: int) -> str:
        """Say in one line why a row could not be read."""
        try:
            self._read(row)
        except ValueError as error:
            return str(error)
        return "could not be read before, but can now"

    def fingerprint(self) -> str:
        """Name the content of a cache: a changed file or option gives another name."""
        digest = hashlib.sha256(self.clip.text.encode())
        for path in (*self.paths, *(self._flows or ())):
            try:
                state = Path(path or "").stat()
                digest.update(f"{path}|{state.st_size}|{state.st_mtime_ns}\n".encode())
            except OSError:
                digest.update(f"{path}|missing\n".encode())
        return digest.hexdigest()

    def _read_rows(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        samples = np.zeros((len(index), *self.shape), np.float32)
        ok = np.zeros(len(index), bool)
        for place, row in enumerate(index):
            try:
                samples[place] = self._read(row)
                ok[place] = True
            except ValueError:  # `explain` says why
                continue
        return samples, ok

    def _read(self, row: int) -> np.ndarray:
        """Return the sample of a row, float32 [units, 2 * width].

        Raises:
            ValueError: with a reason of one line.
        """
        path, width = self.paths[row], self.clip.width
        if self._flows is not None:
            spatial = read_units(path, width)
            streams = spatial, self._read_flow(self._flows[row], len(spatial))
        else:
            streams = self._read_single(path)
        places = self.clip.places(len(streams[0]))
        sample = np.zeros(self.shape, np.float32)
        for start, features in zip((0, width), streams, strict=False):
            sample[: len(places), start : start + width] = features[places]
        return sample

    def _read_single(self, path: str) -> list[np.ndarray]:
        """Return the streams of a file that has no other beside it: one, or both."""
        width = self.clip.width
        features = _open_units(Path(path))
        if features.shape[1:] == (2 * width,):
            return [_of_length_one(half, width) for half in np.split(features, 2, axis=1)]
        # The same words for every file, so that they are shown once.
        warnings.warn(
            "files hold one stream and there is no column 'flow': the other one is zeros",
            stacklevel=2,
        )
        return [_of_length_one(features, width)]

    def _read_flow(self, path: str | None, count: int) -> np.ndarray:
        """Return the temporal features of a video of `count` units."""
        if path is None:
            raise ValueError("no file of flow: fill in the column 'flow', or delete the column")
        try:
            temporal = read_units(path, self.clip.width)
        except ValueError as error:
            raise ValueError(f"its flow {path}: {error}") from None
        if abs(len(temporal) - count) > 1:
            raise ValueError(f"{count} units, but its flow {path} has {len(temporal)}")
        return np.pad(temporal, ((0, 1), (0, 0)))[:count]


def read_units(path: str | Path, width: int) -> np.ndarray:
    """Read a file of unit features, each unit divided by its length.

    Args:
        path: a `.npy` file of floats [units, width].
        width: how many features a unit must have.

    Returns:
        float32 [units, width]; a unit of zeros stays so.

    Raises:
        ValueError: with a reason of one line, if the file cannot be used.
    """
    return _of_length_one(_open_units(Path(path)), width)


def _of_length_one(features: np.ndarray, width: int) -> np.ndarray:
    """Return units [n, width], each divided by its length, once they are seen to be usable."""
    if features.ndim != 2 or features.shape[1] != width:
        raise ValueError(f"the array's shape must be [units, {width}], not {features.shape}")
    if len(features) == 0:
        raise ValueError("an array without units")
    if features.dtype.kind != "f":
        raise ValueError(f"unit features are floats, not {features.dtype}")
    features = features.astype(np.float64)
    wrong = ~np.isfinite(features).all(axis=1)
    if wrong.any():
        raise ValueError(f"NaN or infinite values, the first in unit {wrong.argmax()} (from 0)")
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(length > 0, length, 1)).astype(np.float32)


def _open_units(path: Path) -> np.ndarray:
    """Return the array of a `.npy` file."""
    if not path.is_file():
        raise ValueError("no such file" if not path.exists() else "not a regular file")
    try:
        with path.open("rb") as file:
            start = file.read(6)
            if not start:
                raise ValueError("empty file (0 bytes)")
            if start != b"\x93NUMPY":
                raise ValueError(f"not a .npy file of unit features: starts with {start!r}")
            file.seek(0)
            return _load(file)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


def _load(file) -> np.ndarray:
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"corrupt or truncated .npy: {str(error).splitlines()[0]}") from None
