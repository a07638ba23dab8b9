"""Decode every file of a manifest, before anybody trains on it."""

import os
from multiprocessing.pool import ThreadPool

import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.decode import explain
from mtl_lowres.data.manifest_file import row_numbers


def check_files(
    manifest: pd.DataFrame, workers: int | None = None, progress: bool = True
) -> pd.DataFrame:
    """Return the files of a manifest that cannot be decoded, and why.

    Args:
        manifest: rows with a column `path`; a file that many rows name is decoded once.
        workers: threads; default: one per core.
        progress: whether to show a bar on standard error.

    Returns:
        One row for each bad file: path, row (the first that names it: its line in the CSV, where
        the header is line 1, or its position from 0 if the manifest was not read from a CSV) and
        reason.
    """
    files = pd.DataFrame({"path": manifest["path"].to_numpy(), "row": row_numbers(manifest)})
    files = files.drop_duplicates("path")
    # Threads suffice, since TensorFlow decodes outside the interpreter's lock.
    with ThreadPool(workers or os.cpu_count()) as pool:
        reasons = pool.imap(explain, files["path"], chunksize=8)
        bar = tqdm(reasons, "decode", len(files), unit="file", disable=not progress)
        files["reason"] = pd.Series(list(bar), files.index, dtype=object)
    return files[files["reason"].notna()].reset_index(drop=True)
