"""High- and low-resolution features of the rows of a manifest, as files that are memory-mapped.

A store is the folder `store.json` (what it was made of), `manifest.csv` (the rows that could be
read), `model/` (what made the features), `hr.npy` and `lr_0.npy`, `lr_1.npy` ... (one a recipe).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mtl_lowres.data.manifest import read_manifest
from mtl_lowres.errors import InputError

SETTINGS_FILE = "store.json"
MANIFEST_FILE = "manifest.csv"
MODEL_FOLDER = "model"
HIGH = "hr"


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """What `extract_features` left in a folder; open it with `open_features`.

    Attributes:
        folder: of the store; the model that made the features is its `model`.
        settings: what `store.json` says: `trunk`, `trunk_options`, `input_shape`, `clip`,
            `weights_sha256` of the trunk, `layer`, `hr`, `degrade`, `augment`, `views`, `seed`,
            `manifest_sha256`, `width`, `bad_files` (path -> reason) and `versions`.
        manifest: the rows that could be read, with every column.
        hr: features at high resolution, float32 [views, rows, width], memory-mapped.
        lr: degradation recipe, as it was given -> features of the same shape.
    """

    folder: Path
    settings: dict[str, Any]
    manifest: pd.DataFrame
    hr: np.ndarray
    lr: dict[str, np.ndarray]

    @property
    def width(self) -> int:
        """The number of features of an image."""
        return self.hr.shape[-1]


def open_features(folder: str | Path) -> FeatureStore:
    """Return a finished feature store; of its arrays only what is used is read.

    Raises:
        InputError: if the folder is no store or not finished, or a file is missing, cut short or
            of another size.

    Example:
        >>> store = open_features("features/scenes")
        >>> store.hr.shape, store.lr["bicubic(16)|bicubic(224)"].shape
        ((1, 3600, 1280), (1, 3600, 1280))
    """
    folder = Path(folder)
    settings = read_settings(folder)
    manifest = read_manifest(folder / MANIFEST_FILE)
    shape = settings["views"], len(manifest), settings["width"]
    arrays = {name: _open_array(folder / f"{name}.npy", shape) for name in array_names(settings)}
    high, *lower = arrays.values()
    return FeatureStore(
        folder, settings, manifest, high, dict(zip(settings["degrade"], lower, strict=True))
    )


def array_names(settings: dict[str, Any]) -> list[str]:
    """Return the names of a store's arrays: the high resolution, then one a recipe."""
    return [HIGH, *(f"lr_{number}" for number in range(len(settings["degrade"])))]


def unfinished_folder(out: Path) -> Path:
    """Return where a store is made before it takes its place."""
    return out.with_name(f"{out.name}.unfinished")


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what the `store.json` of a folder says.

    Raises:
        InputError: if it is missing or damaged.
    """
    path = folder / SETTINGS_FILE
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        missing = {"degrade", "views", "width"} - settings.keys()
    except FileNotFoundError as error:
        if unfinished_folder(folder).exists():
            raise InputError(
                f"{folder} is not finished: give the command that made it once more, and it goes on"
            ) from error
        raise InputError(
            f"{path} is missing: name the folder of a feature store (`mtl-lowres features`)"
        ) from error
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}): make the store again") from error
    if missing:
        raise InputError(f"{path} lacks {sorted(missing)[0]!r}: make the store again")
    return settings


def check_same_settings(folder: Path, wanted: dict[str, Any]) -> None:
    """Check that a store, finished or not, is made with these settings.

    Raises:
        InputError: naming the first setting that differs and both values.
    """
    found = read_settings(folder)
    for name, value in json.loads(json.dumps(wanted)).items():
        if found.get(name) != value:
            raise InputError(
                f"{folder} was made with {name}={found.get(name)!r}, not {value!r}: name another "
                "folder, or delete this one"
            )


def _open_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else "it is cut short"
        raise InputError(
            f"{path} cannot be read, {reason}: delete {path.parent} and make the store again"
        ) from error
    if array.shape != shape or array.dtype != np.float32:
        raise InputError(
            f"{path} holds {array.dtype} {array.shape}, but the store is of float32 {shape}: "
            f"delete {path.parent} and make the store again"
        )
    return array
