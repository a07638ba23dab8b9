"""Encoded images inside TFRecord shards, named by place: `packed/shard-00003.tfrecord#1048576`.

A record is the bytes of one file as they were, and the number is where the record begins, so that
any of millions is read without an index and without a file of its own. `pack_images` writes shards.
"""

import contextlib
import re
import struct
from pathlib import Path

import numpy as np
import tensorflow as tf

_PLACE = re.compile(r"(.+\.tfrecord)#(\d{1,18})", re.DOTALL)
# A record is the length of its data, a checksum of that, the data and a checksum of these.
_LENGTH, _CHECKSUM_BYTES = struct.Struct("<Q"), 4
FRAME_BYTES = _LENGTH.size + 2 * _CHECKSUM_BYTES


def is_packed(path: str | Path) -> bool:
    """Return whether a path names a place in a shard and not a file."""
    return _PLACE.fullmatch(str(path)) is not None


def file_of(path: str | Path) -> Path:
    """Return the file on the disk that holds what a path names: the shard, or the path itself."""
    found = _PLACE.fullmatch(str(path))
    return Path(found[1] if found else path)


def read_contents(path: str | Path, limit: int = -1) -> bytes:
    """Return the bytes of a file, or of the file that was packed at a place in a shard.

    Args:
        path: either.
        limit: the first bytes to read; -1 for all.

    Raises:
        OSError: if it cannot be read.
        ValueError: if no whole record begins at that place.
    """
    found = _PLACE.fullmatch(str(path))
    with file_of(path).open("rb", buffering=0) as file:
        return _read_record(file, int(found[2]), limit) if found else file.read(limit)


def packed_batch(paths: tf.Tensor) -> tf.Tensor:
    """Return the bytes that `read_contents` reads of each path, string [n], in a graph.

    What cannot be read is empty, which is no image.
    """
    contents = tf.numpy_function(_read_batch, [paths], tf.string, stateful=False)
    return tf.ensure_shape(contents, [None])


def _read_batch(paths: np.ndarray) -> np.ndarray:
    """Read each path, UTF-8 bytes, and open every shard once."""
    contents = np.full(len(paths), b"", object)
    with contextlib.ExitStack() as opened:
        shards = {}
        for at, path in enumerate(paths):
            with contextlib.suppress(OSError, ValueError):
                path = path.decode()
                found = _PLACE.fullmatch(path)
                if not found:
                    contents[at] = Path(path).read_bytes()
                    continue
                name = found[1]
                if name not in shards:
                    shards[name] = opened.enter_context(Path(name).open("rb", buffering=0))
                contents[at] = _read_record(shards[name], int(found[2]))
    return contents


def _read_record(shard, offset: int, limit: int = -1) -> bytes:
    shard.seek(offset)
    header = shard.read(_LENGTH.size + _CHECKSUM_BYTES)
    if len(header) < _LENGTH.size + _CHECKSUM_BYTES:
        raise ValueError(f"the shard ends before {offset}: pack it again")
    (length,) = _LENGTH.unpack_from(header)
    # Before anything is allocated: a wrong place may claim any length.
    end = shard.seek(0, 2)
    if length > end - offset - FRAME_BYTES:
        raise ValueError(f"no whole record begins at {offset} of the shard: pack it again")
    shard.seek(offset + len(header))
    return shard.read(length if limit < 0 else min(length, limit))
