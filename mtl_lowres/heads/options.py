"""Options that belong to one choice of a head's loss or method."""

from typing import Any

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
