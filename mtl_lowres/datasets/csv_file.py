"""`csv`: the user's own data, as a manifest in a CSV file."""

from pathlib import Path

import pandas as pd

from mtl_lowres.data.manifest import read_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS


@DATASETS.register("csv")
def read_csv(path: str | Path) -> pd.DataFrame:
    """Read the manifest in a CSV file, with the class names beside it if there are any.

    Raises:
        InputError: if it is a folder, or `read_manifest` refuses it.
    """
    if Path(path).is_dir():
        raise InputError(f"{path}: is a folder: give the CSV file, or use the dataset 'folder'")
    return read_manifest(path)
