"""Files and folders that are written whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
