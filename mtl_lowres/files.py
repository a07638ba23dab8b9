"""Files and folders that are written whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtl_lowres.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    What is written there may be a file or a folder. When the block raises, it is removed and
    whatever was at `path` before is untouched.

    Example:
        >>> with replacing("metrics.json") as temporary:
        ...     temporary.write_text("{}")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            # A non-empty folder cannot be replaced in one step: the old one steps aside first.
            previous = path.with_name(f".{path.name}.{os.getpid()}.old")
            _remove(previous)
            path.rename(previous)
            try:
                temporary.rename(path)
            except OSError:
                previous.rename(path)
                raise
            _remove(previous)
        else:
            temporary.replace(path)
    finally:
        _remove(temporary)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def kept_json(path: str | Path, make: Callable[[], Any]) -> Any:
    """Return what a JSON file holds; where it is missing, `make` gives it and it is written first.

    For what takes long to measure and is asked for again, such as by a run that was interrupted.

    Example:
        >>> figures = kept_json("figures/16-pixels.json", lambda: measure(16))  # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        write_json(path, make())
    return json.loads(path.read_text(encoding="utf-8"))


def refuse_other_folder(folder: Path, own_files: set[str], what: str) -> None:
    """Refuse to replace what was not written by us.

    Raises:
        InputError: if `folder` is a file or holds anything but `own_files`.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder for the {what}")
    others = {entry.name for entry in folder.iterdir()} - own_files
    if others:
        raise InputError(
            f"{folder} holds {sorted(others)[0]!r}, so it is no saved {what} and is not replaced: "
            "name another folder"
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
