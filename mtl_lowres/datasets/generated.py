"""Writing of generated data sets: in parallel, resumable, the manifest last."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json


def write_generated(
    folder: Path,
    manifest: pd.DataFrame,
    settings: dict,
    write: Callable[[int, Path], None],
    *,
    workers: int | None,
    unit: str,
) -> pd.DataFrame:
    """Write the files of a manifest, and the manifest last.

    Each file is written whole or not at all. A folder that was left unfinished with the same
    settings is taken up where it stopped.

    Args:
        folder: where to write; absent, empty or unfinished.
        manifest: its paths are relative to the folder.
        settings: what decides the files; written to `settings.json` first.
        write: called with the position of a row and the path to write; must not depend on order.
        workers: how many threads write; by default one for each processor.
        unit: what the progress bar counts.

    Returns:
        The manifest, as `read_manifest` gives it.

    Raises:
        InputError: if the folder holds a finished data set, one of other settings or other files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not folder.is_dir() or (folder / "manifest.csv").exists():
            raise InputError(
                f"{folder}: is not an empty folder: choose another, or remove it first"
            )
        check_settings(folder, settings)
    write_json(folder / "settings.json", settings)
    for parent in {(folder / path).parent for path in manifest["path"]}:
        parent.mkdir(parents=True, exist_ok=True)

    def write_row(position: int) -> None:
        path = folder / manifest["path"].iat[position]
        if not path.exists():
            with replacing(path) as temporary:
                write(position, temporary)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        results = pool.map(write_row, range(len(manifest)))
        for _ in tqdm(results, "people", len(manifest), unit=unit):
            pass
    manifest = manifest.assign(path=[str(folder / path) for path in manifest["path"]])
    write_manifest(manifest, folder / "manifest.csv")
    return read_manifest(folder / "manifest.csv")


def check_settings(folder: Path, expected: dict) -> None:
    """Raise an `InputError` unless the folder was generated with these settings."""
    settings = read_settings(folder)
    for name, value in expected.items():
        if settings.get(name) != value:
            raise InputError(
                f"{folder}: was generated with {name}={settings.get(name)!r}, not {value!r}: "
                "choose another folder, or remove this one"
            )


def read_settings(folder: Path) -> dict:
    """Return what a generated folder was made with.

    Raises:
        InputError: if it holds no settings.
    """
    try:
        return json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{folder}: is not a folder of generated people (no readable settings.json): "
            "choose an absent or empty folder"
        ) from None


def check_whole_numbers(lowest: dict[str, tuple[int, int]]) -> None:
    """Raise an `InputError` unless every option is a whole number of at least its lowest value.

    Args:
        lowest: {option: (value, lowest value)}.
    """
    for name, (value, least) in lowest.items():
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not is_whole or value < least:
            raise InputError(f"people: {name}={value!r}: give a whole number of at least {least}")
