"""Names for the parts that a user chooses by name: trunks, heads, datasets, operations."""

import difflib
import fnmatch
from collections.abc import Callable
from typing import Any

from mtl_lowres.errors import InputError


class Registry:
    """A table from a public name to the function or class that it stands for.

    Example:
        >>> shapes = Registry("shape")
        >>> @shapes.register("square")
        ... def square(side): return side * side
        >>> shapes.get("square")(3)
        9
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Any] = {}

    def register(self, name: str) -> Callable:
        """Return a decorator that files what it decorates under `name`.

        Raises:
            ValueError: if the name is taken, since the later entry would hide the earlier one.
        """

        def decorate(entry):
            if name in self._entries:
                raise ValueError(f"the {self.kind} name {name!r} is already registered")
            self._entries[name] = entry
            return entry

        return decorate

    def get(self, name: str) -> Any:
        """Return the entry called `name`.

        Raises:
            InputError: if there is none; the message lists the nearest names and all of them.
        """
        if name in self._entries:
            return self._entries[name]
        close = difflib.get_close_matches(str(name), self._entries, n=2)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise InputError(
            f"unknown {self.kind} {name!r}: {hint}known are {', '.join(self.list()) or 'none'}"
        )

    def list(self, pattern: str = "*") -> list[str]:
        """Return the sorted names that match a shell pattern such as `"resnet*"`."""
        return sorted(fnmatch.filter(self._entries, pattern))

    def __contains__(self, name: str) -> bool:
        return name in self._entries


TRUNKS = Registry("trunk")
BACKBONES = Registry("backbone")
HEADS = Registry("head")
DATASETS = Registry("dataset")
DEGRADATIONS = Registry("degradation")
AUGMENTATIONS = Registry("augmentation")
WEIGHTINGS = Registry("weighting")
SAMPLINGS = Registry("clip sampling")
