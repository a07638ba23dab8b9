"""`hmdb51_features`: the unit features of the fully-coupled two-stream network, as it reads them.

    Split1/
        Train_lr_features/<class>/<video>.npy           float [units, 4096], of RGB at 12x16
        Train_lr_optfl_features/<class>/<video>.npy     the same of optical flow
        Train_hr_features/, Train_hr_optfl_features/    the same at high resolution
        Validation_lr_features/, ..., Test_lr_features/, ...

Source: the release of Xu et al., WACV 2018 (xumingze0308/eLR-WACV2018), whose
`datasets/hmdb51_data_layer.py` reads these folders. `mtl-lowres units --resolution` writes them of
any videos.
"""

import warnings
from pathlib import Path

import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

_FOLDERS = {"train": "Train", "val": "Validation", "test": "Test"}
_RESOLUTIONS = {"both": ("lr", "hr"), "lr": ("lr",), "hr": ("hr",)}


@DATASETS.register("hmdb51_features")
def read_hmdb51_features(
    path: str | Path,
    *,
    train: str = "both",
    test: str = "lr",
    flow: bool = True,
    train_on_validation: bool = False,
) -> pd.DataFrame:
    """Read the released folders of unit features; a video's LR and HR features are two rows.

    As in the release, one network is trained on both and tested on LR alone. Classes are the
    folders of all the features, in alphabetical order. A row names its flow whether or not that
    file is there: training leaves a video out whose features or flow are missing, damaged, of a
    wrong width or NaN, names it in `bad_files.csv`, and stops above its budget of bad files. Files
    that are no `.npy`, and flow without features, are left out here, and a warning counts them;
    hidden files are ignored.

    Args:
        path: folder of a split, such as `Split1`.
        train: resolution of the training rows, "both" (as released), "lr" or "hr".
        test: resolution of the validation and test rows, "lr" (as released), "hr" or "both".
        flow: whether there is a column `flow`; False for appearance alone.
        train_on_validation: the habit of the release, which trains on the validation videos as on
            all others; then there are no validation rows.

    Returns:
        The manifest: path, flow, action, split, resolution (lr or hr) and video (class/name, which
        the rows of both resolutions share). There are no rows of a part, validation or test, that
        has no folder.

    Raises:
        InputError: if an option cannot be used, a folder of the training features or any other
            folder of a part that is there is missing, or there are no classes.

    Example:
        >>> read_dataset("hmdb51_features", "HMDB51/Split1")  # doctest: +SKIP
    """
    for name, value in (("train", train), ("test", test)):
        if value not in _RESOLUTIONS:
            raise InputError(f"{name}={value!r} is unknown: use {', '.join(_RESOLUTIONS)}")
    root = Path(path).absolute()
    if not root.is_dir():
        raise InputError(f"{path}: no such folder: give the one that holds Train_lr_features")
    rows, others = [], []
    for split, folder in _FOLDERS.items():
        needed = split == "train" or (split == "val" and train_on_validation)
        if needed or any(root.glob(f"{folder}_*_features")):
            for resolution in _RESOLUTIONS[train if needed else test]:
                part = f"{folder}_{resolution}"
                found = _videos(root, part, flow, others)
                label = "train" if needed else split
                rows += [(*video, label, resolution) for video in found]
    if not rows:
        raise InputError(f"{path}: has no features: put those of each class into a folder of it")
    if others:
        warnings.warn(
            f"{root}: {len(others)} files are left out, since they are no .npy files or flow "
            f"without features; the first is {others[0]}",
            stacklevel=2,
        )
    table = pd.DataFrame(rows, columns=["path", "flow", "action", "split", "resolution"])
    table["video"] = [f"{row.action}/{Path(row.path).stem}" for row in table.itertuples()]
    classes = sorted(set(table["action"]))
    table["action"] = table["action"].map(classes.index).astype("Int64")
    table.attrs["classes"] = {"action": classes}
    return table if flow else table.drop(columns="flow")


def _videos(root: Path, part: str, flow: bool, others: list[Path]) -> list[tuple[str, str, str]]:
    """Return (features, flow, class) of each video of a part such as "Train_lr"."""
    spatial, temporal = root / f"{part}_features", root / f"{part}_optfl_features"
    for folder in (spatial, temporal) if flow else (spatial,):
        if not folder.is_dir():
            hint = ", or read without flow (flow=False)" if folder == temporal else ""
            raise InputError(
                f"{folder}: no such folder: add the features{hint}, or see the options train and "
                "test for reading one resolution alone"
            )
    names = _names(spatial, others)
    if flow:
        extra = sorted(set(_names(temporal, others)) - set(names))
        others += [temporal / name for name in extra]
    return [(str(spatial / name), str(temporal / name), name.parts[0]) for name in names]


def _names(folder: Path, others: list[Path]) -> list[Path]:
    """Return <class>/<video>.npy of all videos below a folder, sorted; the rest goes to others."""
    found = []
    for entry in sorted(folder.glob("[!.]*")):
        files = sorted(entry.glob("[!.]*")) if entry.is_dir() else []
        good = [file for file in files if file.suffix == ".npy"]
        others += [file for file in files if file.suffix != ".npy"]
        others += [] if entry.is_dir() else [entry]
        found += [file.relative_to(folder) for file in good]
    return found
