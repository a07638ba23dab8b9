"""Checks of the options that a user gives a head."""

from typing import Any

import numpy as np

from mtl_lowres.errors import InputError


def used_options(
    kind: str, choice: str, allowed: dict[str, tuple[str, ...]], options: dict[str, Any]
) -> dict[str, Any]:
    """Return the options that were given, all of which the choice must use.

    Args:
        kind: what is chosen, `"loss"` or `"method"`.
        choice: name of the loss or method.
        allowed: the options that each one uses, by its name.
        options: value of each option, None when it was not given.

    Raises:
        InputError: if the choice is unknown or does not use a given option.
    """
    if choice not in allowed:
        raise InputError(f"unknown {kind} {choice!r}: known are {', '.join(allowed)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in allowed[choice]:
            users = [other for other, names in allowed.items() if name in names]
            raise InputError(
                f"{name}={value!r} has no effect on {kind} {choice!r}: leave it out, or use {kind} "
                f"{' or '.join(map(repr, users))}"
            )
    return given


def checked_integer(option: str, value: int, least: int) -> int:
    """Return an integer of at least `least` as Python's own.

    Raises:
        InputError: if it is none; the message names the option.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{option}={value!r} cannot be used: give an integer of at least {least}")
    return int(value)


def checked_width(option: str, width: int) -> int:
    """Return the width of an embedding: an integer of at least 2, or 0 for the features' own.

    Raises:
        InputError: if it is neither; the message names the option.
    """
    width = checked_integer(option, width, 0)
    if width == 1:
        raise InputError(
            f"{option}=1 cannot be used: give a width of at least 2, or 0 to leave the features as "
            "they are"
        )
    return width
