"""A feature store in the making, which may be killed at any moment."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mtl_lowres.data.manifest import write_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json
from mtl_lowres.model import MultiTaskModel, save_model
from mtl_lowres.training.feature_store import (
    MANIFEST_FILE,
    MODEL_FOLDER,
    SETTINGS_FILE,
    array_names,
    check_same_settings,
    read_settings,
    unfinished_folder,
)
from mtl_lowres.versions import versions

_READABLE_FILE = "readable"
# What np.save writes before the values of a small number of dimensions, whatever their sizes.
_HEADER_BYTES = 128


class FeatureWriter:
    """Appends batches to the arrays of the store OUT, which lie in OUT.unfinished until `finish`.

    The features of a batch are written first and then, in the file `readable`, one byte for each
    of its images: whether it could be read. The length of that file is thus the progress, and what
    a killed process left beyond it is cut off. Only images that could be read have features.

    Args:
        out: folder of the store.
        settings: of the store.
        rows: of the manifest.
        batch_size: images a batch; a batch that is not whole is made again.
        model: to be kept with the features.

    Attributes:
        settings: of the store.
        done: number of images that are written, the views one after another.
        readable: bool [views * rows], whether an image could be read; False beyond `done`.

    Raises:
        InputError: if the unfinished store was made with other settings, or is damaged.
    """

    def __init__(
        self,
        out: Path,
        settings: dict[str, Any],
        rows: int,
        batch_size: int,
        model: MultiTaskModel,
    ):
        self.settings = settings
        self._out, self._folder = out, unfinished_folder(out)
        self._rows = rows
        self._paths = {name: self._folder / f"{name}.npy" for name in array_names(settings)}
        if self._folder.exists():
            check_same_settings(self._folder, settings)
        else:
            self._start(model)
        known = np.fromfile(self._folder / _READABLE_FILE, bool)
        view, row = divmod(len(known), rows)
        self.done = view * rows + row // batch_size * batch_size
        self.readable = np.zeros(settings["views"] * rows, bool)
        self.readable[: self.done] = known[: self.done]

    def __enter__(self) -> "FeatureWriter":
        with ExitStack() as stack:
            flags = self._folder / _READABLE_FILE
            self._flags = stack.enter_context(_open_at(flags, self.done))
            bytes_done = int(self.readable.sum()) * self.settings["width"] * 4
            self._arrays = {
                name: stack.enter_context(_open_at(path, _HEADER_BYTES + bytes_done))
                for name, path in self._paths.items()
            }
            self._open_files = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._open_files.close()

    def append(self, features: Mapping[str, np.ndarray], ok: np.ndarray) -> None:
        """Write the next batch.

        Args:
            features: array name -> float32 [n, width].
            ok: bool [n], which of the images could be read.
        """
        for name, file in self._arrays.items():
            file.write(features[name][ok].tobytes())
            file.flush()
        self._flags.write(ok.tobytes())
        self._flags.flush()
        self.readable[self.done : self.done + len(ok)] = ok
        self.done += len(ok)

    def finish(self, manifest: pd.DataFrame, bad_files: dict[str, str]) -> None:
        """Complete the files and let the store take its place.

        Args:
            manifest: that was read.
            bad_files: path -> why it could not be read.

        Raises:
            InputError: if no row could be read.
        """
        good = self.readable[: self._rows]
        if not good.any():
            raise InputError(f"none of the {self._rows} files of the manifest can be decoded")
        shape = (self.settings["views"], int(good.sum()), self.settings["width"])
        for file in self._arrays.values():
            file.seek(0)
            _write_header(file, shape)
        self._open_files.close()
        write_manifest(manifest[good], self._folder / MANIFEST_FILE)
        settings = read_settings(self._folder) | {"bad_files": bad_files}
        write_json(self._folder / SETTINGS_FILE, settings)
        self._folder.rename(self._out)
        (self._out / _READABLE_FILE).unlink()

    def _start(self, model: MultiTaskModel) -> None:
        with replacing(self._folder) as folder:
            folder.mkdir()
            write_json(folder / SETTINGS_FILE, self.settings | {"versions": versions()})
            save_model(model, folder / MODEL_FOLDER)
            (folder / _READABLE_FILE).touch()
            for path in self._paths.values():
                with (folder / path.name).open("wb") as file:
                    _write_header(file, (0, 0, self.settings["width"]))


def _write_header(file, shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _open_at(path: Path, size: int):
    """Open a file to go on at byte `size`, what lies beyond being cut off.

    Raises:
        InputError: if it is shorter.
    """
    found = path.stat().st_size
    if found < size:
        raise InputError(
            f"{path} is cut short ({found} of {size} bytes): delete {path.parent} to start anew"
        )
    file = path.open("r+b")
    file.truncate(size)
    file.seek(size)
    return file
