"""Many small image files into a few TFRecord shards, which are read as the files are."""

import contextlib
import io
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.decode import decode_image, explain
from mtl_lowres.data.degrade import Recipe, parse_repeatable
from mtl_lowres.data.headers import MAGIC_BYTES
from mtl_lowres.data.loading import BadFiles, fixed_size
from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.data.packed import FRAME_BYTES, read_contents
from mtl_lowres.data.reading import frames_degrader
from mtl_lowres.data.recipe import require_integer
from mtl_lowres.data.video import explain_clip
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing

# Files that are in memory at once.
_BLOCK = 256


def pack_images(
    manifest: pd.DataFrame,
    out: str | Path,
    *,
    degrade: str = "",
    shard_megabytes: int = 256,
    workers: int | None = None,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Write the images of a manifest into TFRecord shards, and a manifest that names their places.

    A record is the encoded file, byte for byte, so that a dataset of the packed manifest is that of
    the files bit for bit; or, with `degrade`, the degraded image as a `.npy` file of float32, for
    which the same recipe, such as "area(16)", or another one of that size, is then the identity. A
    file that many rows name is packed once. Videos and arrays of several frames stay the files that
    they are. The column `file` keeps the path that each row had.

    The folder is written whole or not at all. It holds `shard-00000.tfrecord` and so on, and
    `manifest.csv`, whose column `path` reads `shard-00000.tfrecord#<byte at which the record
    begins>`.

    Args:
        manifest: rows with a column `path`.
        out: folder, absent or empty.
        degrade: recipe without randomness that fixes the size; default: the files as they are.
        shard_megabytes: a shard ends with the record that reaches so many million bytes.
        workers: threads that read and check files; default: one per core.
        bad_files: collects files that cannot be decoded, whose rows are left out. Default: a new
            one with a budget of 1 %.
        progress: whether to show a bar.

    Returns:
        The rows as `read_manifest` reads them from `out`.

    Raises:
        InputError: if an option cannot be used, `out` is not empty, no file can be decoded, or more
            files are bad than the budget allows.

    Example:
        >>> rows = pack_images(read_manifest("photos.csv"), "packed")
        >>> rows["path"][0]
        '/data/packed/shard-00000.tfrecord#0'
    """
    if len(manifest) == 0:
        raise InputError("the manifest has no rows to pack")
    require_integer("shard_megabytes", shard_megabytes, 1)
    if workers is not None:
        require_integer("workers", workers, 1)
    recipe = parse_repeatable(degrade, "the images are stored")
    if recipe is not None:
        fixed_size(recipe)  # refuses one whose images would differ in size
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already: name an absent or empty folder")
    files = list(dict.fromkeys(manifest["path"].astype(str)))
    bad_files = bad_files if bad_files is not None else BadFiles(len(files))
    with replacing(out) as unfinished:
        unfinished.mkdir()
        records = _read_all(files, recipe, workers or os.cpu_count(), bad_files)
        bar = tqdm(records, "pack", len(files), unit="file", disable=not progress)
        places = _write_shards(bar, unfinished, shard_megabytes * 10**6)
        if not places:
            raise InputError(f"none of the {len(files)} files of the manifest can be decoded")
        source = manifest["path"].astype(str)
        shards = unfinished.absolute()
        path = source.map({file: str(shards / at) if at else file for file, at in places.items()})
        rows = manifest.assign(path=path, file=source)[path.notna()]
        write_manifest(rows, unfinished / "manifest.csv")  # names the shards relative to itself
    return read_manifest(out / "manifest.csv")


def _read_all(
    files: list[str], recipe: Recipe | None, workers: int, bad_files: BadFiles
) -> Iterator[tuple[str, bytes | None]]:
    """Yield each good file with its record, None for a file that is not packed, in order."""
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(files), _BLOCK):
            block = files[first : first + _BLOCK]
            # Threads suffice, since TensorFlow decodes outside the interpreter's lock.
            for file, (record, reason) in zip(
                block, pool.map(partial(_read_one, recipe=recipe), block), strict=True
            ):
                if reason:
                    bad_files.record({file: reason})
                else:
                    yield file, record


def _read_one(file: str, recipe: Recipe | None) -> tuple[bytes | None, str | None]:
    """Return the record of a file, None for one that is to stay a file, and why it is bad."""
    reason = explain(file)
    if reason:
        return None, explain_clip(file) and reason
    contents = read_contents(file)
    if recipe is None:
        return (None if contents.startswith(MAGIC_BYTES["npy"]) else contents), None
    image = frames_degrader(recipe)(decode_image(contents)[tf.newaxis])[0].numpy()
    buffer = io.BytesIO()
    np.save(buffer, image)
    return buffer.getvalue(), None


def _write_shards(records, folder: Path, shard_bytes: int) -> dict[str, str | None]:
    """Write the records and return the place of each file, None of one without a record."""
    places, numbers = {}, itertools.count()
    name, offset = "", shard_bytes
    with contextlib.ExitStack() as opened:
        for file, record in records:
            if record is None:
                places[file] = None
                continue
            if offset >= shard_bytes:
                opened.close()
                name, offset = f"shard-{next(numbers):05}.tfrecord", 0
                writer = opened.enter_context(tf.io.TFRecordWriter(str(folder / name)))
            writer.write(record)
            places[file] = f"{name}#{offset}"
            offset += len(record) + FRAME_BYTES
    return places
