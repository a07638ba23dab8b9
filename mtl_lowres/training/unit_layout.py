"""Where the unit features of each row of a manifest lie."""

import dataclasses
from pathlib import Path

import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.training.made_files import names_below

# Stream -> the column of its files.
STREAMS = {"rgb": "path", "flow": "flow"}
RESOLUTIONS = ("lr", "hr")
_RELEASED_SPLITS = {"train": "Train", "val": "Validation", "test": "Test"}
_RELEASED_STREAMS = {"rgb": "", "flow": "optfl_"}
_TASK = "action"


@dataclasses.dataclass(frozen=True)
class VideoPart:
    """What the units of a row are made of: a file, and which frames of it."""

    path: str
    start: int | None
    stop: int | None


@dataclasses.dataclass(frozen=True)
class UnitLayout:
    """The files to write; build it with `unit_layout`.

    Attributes:
        out: folder of everything.
        root: folder of the videos, whose tree is kept; "" where it is not.
        prefix: beginning of the names of manifest, settings and table of bad files.
        beside: beginnings of the names of what others may have written to `out`.
        parts: of each row; None where its cell is empty.
        targets: part -> its file.
    """

    out: Path
    root: str
    prefix: str
    beside: tuple[str, ...]
    parts: list[VideoPart | None]
    targets: dict[VideoPart, Path]


def unit_layout(
    manifest: pd.DataFrame, out: Path, stream: str, resolution: str | None
) -> UnitLayout:
    """Return where `training.units.write_units` writes; options are its own.

    Raises:
        InputError: if the stream or resolution is unknown, a column is missing or empty, or two
            videos would be written to one file.
    """
    if stream not in STREAMS:
        raise InputError(f"stream={stream!r} is unknown: use {' or '.join(STREAMS)}")
    if resolution not in (None, *RESOLUTIONS):
        raise InputError(
            f"resolution={resolution!r} is unknown: use {' or '.join(RESOLUTIONS)}, or none"
        )
    column = STREAMS[stream]
    if column not in manifest:
        raise InputError(
            f"stream={stream!r} reads the column {column!r}, which the manifest lacks: make it "
            "with `mtl-lowres flow --format colours`"
        )
    parts = _parts(manifest, column)
    files = list(dict.fromkeys(part.path for part in parts if part))
    if not files:
        raise InputError(f"the column {column!r} of the manifest is empty: fill it in")
    if resolution is None:
        root, names = names_below(files)
        root, prefix, beside = str(root), "", ()
        folders = [out] * len(parts)
    else:
        root, names = "", [Path(Path(file).stem) for file in files]
        prefix = f"{resolution}_{_RELEASED_STREAMS[stream]}"
        beside = tuple(f"{name}_" for name in (*_RELEASED_SPLITS.values(), *RESOLUTIONS))
        folders = [out / name for name in _released_folders(manifest, prefix)]
    name_of = dict(zip(files, names, strict=True))
    targets = {}
    for part, folder in zip(parts, folders, strict=True):
        if part:
            name = name_of[part.path]
            targets.setdefault(part, folder / name.with_name(f"{name.name}{_suffix(part)}.npy"))
    _refuse_collisions(targets)
    return UnitLayout(out, root, prefix, beside, parts, targets)


def _parts(manifest: pd.DataFrame, column: str) -> list[VideoPart | None]:
    columns = [manifest[column]]
    for end in ("start", "stop"):
        columns.append(manifest[end] if end in manifest else [None] * len(manifest))
    return [
        None
        if pd.isna(path)
        else VideoPart(str(path), *(None if pd.isna(end) else int(end) for end in ends))
        for path, *ends in zip(*columns, strict=True)
    ]


def _suffix(part: VideoPart) -> str:
    if part.start is None and part.stop is None:
        return ""
    return f"_{part.start or 0}-{'' if part.stop is None else part.stop}"


def _released_folders(manifest: pd.DataFrame, prefix: str) -> list[str]:
    """Return the folder of each row, such as "Train_lr_features/wave"."""
    classes = manifest.attrs.get("classes", {}).get(_TASK)
    if _TASK not in manifest or "split" not in manifest or classes is None:
        raise InputError(
            f"resolution={prefix.split('_')[0]!r} sorts units by split and class: give a manifest "
            f"with the columns split and {_TASK}, and with names of its classes"
        )
    usable = manifest["split"].isin(_RELEASED_SPLITS) & manifest[_TASK].notna()
    if not usable.all():
        path = manifest["path"].iloc[int((~usable).to_numpy().argmax())]
        raise InputError(f"{path} has no split or no {_TASK}: fill both in, or delete the row")
    return [
        f"{_RELEASED_SPLITS[split]}_{prefix}features/{classes[int(label)]}"
        for split, label in zip(manifest["split"], manifest[_TASK], strict=True)
    ]


def _refuse_collisions(targets: dict[VideoPart, Path]) -> None:
    sources = {}
    for part, target in targets.items():
        other = sources.setdefault(target, part)
        if other is not part:
            raise InputError(
                f"{other.path} and {part.path} would both be written to {target}: rename one"
            )
