"""Decode every file of a manifest, before anybody trains on it."""

import os
from multiprocessing.pool import ThreadPool

import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.decode import explain
from mtl_lowres.data.headers import MAGIC_BYTES, ZIP_MAGIC, is_video
from mtl_lowres.data.manifest_file import row_numbers
from mtl_lowres.data.packed import read_contents
from mtl_lowres.data.video import explain_clip


def check_files(
    manifest: pd.DataFrame, workers: int | None = None, progress: bool = True
) -> pd.DataFrame:
    """Return the files of a manifest that cannot be decoded, and why.

    Images are decoded in full; of videos and arrays of frames, frames spread over the part that
    the row names (see `explain_clip`).

    Args:
        manifest: rows with a column `path` and for clips `start` and `stop`; a file, or the same
            part of one, that many rows name is decoded once.
        workers: threads; default: one per core.
        progress: whether to show a bar on standard error.

    Returns:
        One row for each bad file: path, row (the first that names it: its line in the CSV, where
        the header is line 1, or its position from 0 if the manifest was not read from a CSV) and
        reason.
    """
    files = pd.DataFrame({"path": manifest["path"].to_numpy(), "row": row_numbers(manifest)})
    part = [column for column in ("start", "stop") if column in manifest]
    ends = manifest[part].astype(object).where(manifest[part].notna(), None)
    files = files.assign(**{column: ends[column].to_numpy() for column in part})
    files = files.drop_duplicates(["path", *part])
    parts = files.drop(columns="row").to_dict("records")
    # Threads suffice, since TensorFlow decodes outside the interpreter's lock.
    with ThreadPool(workers or os.cpu_count()) as pool:
        reasons = pool.imap(_explain_part, parts, chunksize=8)
        bar = tqdm(reasons, "decode", len(files), unit="file", disable=not progress)
        files["reason"] = pd.Series(list(bar), files.index, dtype=object)
    bad = files.loc[files["reason"].notna(), ["path", "row", "reason"]]
    return bad.reset_index(drop=True)


def _explain_part(part: dict) -> str | None:
    """Say why a file is neither an image nor a clip with the frames from start to stop."""
    try:
        start = read_contents(part["path"], 16)
    except (OSError, ValueError):
        start = b""
    if is_video(start) or start.startswith(ZIP_MAGIC):
        return explain_clip(**part)
    reason = explain(part["path"])
    if reason and start.startswith(MAGIC_BYTES["npy"]) and explain_clip(**part) is None:
        return None
    return reason
