"""Folders of files that are made one by one of the files of a manifest, and may be gone on with."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtl_lowres.errors import InputError
from mtl_lowres.files import write_json
from mtl_lowres.versions import versions


def names_below(files: Sequence[str]) -> tuple[Path, list[Path]]:
    """Return the folder that holds all files, and a name below it for what is made of each.

    A name lacks the ending of its file, unless two files differ in nothing else.
    """
    paths = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100  it drops ".." too
    root = Path(os.path.commonpath([path.parent for path in paths]))
    names = [path.relative_to(root) for path in paths]
    stems = [name.with_suffix("") for name in names]
    return root, stems if len(set(stems)) == len(stems) else names


def is_made(target: Path, source: Path) -> bool:
    """Return whether a file is there and not older than what it is made of."""
    return target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns


def claim_folder(
    out: Path,
    settings: dict[str, Any],
    what: str,
    file: str = "settings.json",
    beside: tuple[str, ...] = (),
) -> None:
    """Note in a folder how its files are made, or check that it says the same and tidy it up.

    Args:
        out: the folder, which is made if it is missing.
        settings: JSON-able.
        what: name of the files, for messages.
        file: name of the file of settings.
        beside: beginnings of the names that may be there without that file.

    Raises:
        InputError: naming the first setting that differs; or if the folder holds anything else.
    """
    path = out / file
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name a folder for the {what}")
    if not path.exists():
        for entry in out.glob("[!.]*"):
            if not entry.name.startswith(beside or ("/",)):
                raise InputError(
                    f"{out} holds {entry.name!r} and is no folder of {what}: name an absent or "
                    "empty one"
                )
        write_json(path, {**settings, "versions": versions()})
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = {name: found[name] for name in settings}
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path} is damaged: delete {out}, or name another folder") from None
    for name, value in json.loads(json.dumps(settings)).items():
        if found[name] != value:
            raise InputError(
                f"{out} was made with {name}={found[name]!r}, not {value!r}: name another folder, "
                "or delete this one"
            )
    for leftover in out.rglob(".*.part*"):  # what a killed process was writing
        leftover.unlink()
