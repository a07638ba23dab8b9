"""Readers: each turns one published folder layout into a manifest."""

import inspect
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets import (
    csv_file,
    fir_action,
    folder,
    folder_clips,
    hmdb51,
    hmdb51_features,
    lfw,
    pairs,
    people,
    swimmers,
    tip38,
    ucf101,
    utkface,
    voc2007,
    webface,
)
from mtl_lowres.datasets.hmdb51_demo import make_hmdb51
from mtl_lowres.datasets.people import generate_people
from mtl_lowres.datasets.swimmers_demo import make_swimmers
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

__all__ = [
    "csv_file",
    "fir_action",
    "folder",
    "folder_clips",
    "generate_people",
    "hmdb51",
    "hmdb51_features",
    "lfw",
    "list_datasets",
    "make_hmdb51",
    "make_swimmers",
    "pairs",
    "people",
    "read_dataset",
    "swimmers",
    "tip38",
    "ucf101",
    "utkface",
    "voc2007",
    "webface",
]

list_datasets = DATASETS.list


def read_dataset(name: str, path: str | Path, **options) -> pd.DataFrame:
    """Read a data set in one of the known layouts as a manifest.

    Args:
        name: the layout; see `list_datasets`.
        path: its folder or file.
        **options: what the reader of that layout takes, such as `task="posture"` for `folder`.

    Returns:
        One row a sample: `path` (absolute), one column a task, and `subject` and `split` where the
        data set gives them. `manifest.attrs["classes"]` holds the class names by task.

    Raises:
        InputError: if the layout or an option is unknown, or the data set is not as it should be.

    Example:
        >>> read_dataset("folder", "pictures", task="posture")  # doctest: +SKIP
    """
    reader = DATASETS.get(name)
    known = list(inspect.signature(reader).parameters)[1:]
    for option in options:
        if option not in known:
            raise InputError(
                f"dataset {name!r} has no option {option!r}: it has {', '.join(known) or 'none'}"
            )
    return reader(path, **options)
