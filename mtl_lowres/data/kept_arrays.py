"""Arrays that are filled once and kept, in memory or in files."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.files import replacing

_ALIGNMENT = 64  # bytes, of TensorFlow's memory


def keep_arrays(
    specs: Mapping[str, tuple[tuple[int, ...], type]],
    fill: Callable[[dict[str, np.ndarray]], None],
    folder: Path | None = None,
) -> dict[str, np.ndarray]:
    """Return arrays that `fill` has filled.

    Args:
        specs: name -> (shape, dtype); a name is also that of a file.
        fill: writes into the arrays, which it gets by name.
        folder: where to keep them in files, of which only what is used is read; a folder that is
            there already is taken as it is. None keeps them in memory.
    """
    if folder is None:
        arrays = {name: _empty(shape, dtype) for name, (shape, dtype) in specs.items()}
        fill(arrays)
        return arrays
    if not folder.exists():
        with replacing(folder) as unfinished:
            unfinished.mkdir()
            arrays = {
                name: np.lib.format.open_memmap(unfinished / f"{name}.npy", "w+", dtype, shape)
                for name, (shape, dtype) in specs.items()
            }
            fill(arrays)
            for array in arrays.values():
                array.flush()
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in specs}


def row_reader(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function from row numbers [n] to these rows of an array, for use in a graph.

    Arrays of `keep_arrays` are not copied, and must not be changed any more.
    """
    if not isinstance(array, np.memmap):
        table = _as_tensor(array)
        return lambda index: tf.gather(table, index)

    def read(index):
        rows = tf.numpy_function(lambda numbers: array[numbers], [index], array.dtype)
        return tf.ensure_shape(rows, [None, *array.shape[1:]])

    return read


def _empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return an array whose memory a tensor can share, as it begins where TensorFlow needs it."""
    count = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(count + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + count].view(dtype).reshape(shape)


def _as_tensor(array: np.ndarray) -> tf.Tensor:
    is_shareable = array.size and array.dtype.kind in "fiu" and array.ctypes.data % _ALIGNMENT == 0
    if is_shareable and array.flags.c_contiguous and array.flags.writeable:
        # tf.constant would hold two copies for a moment, and a cache may be gigabytes.
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
