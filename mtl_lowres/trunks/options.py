"""Checks of the options that a user gives a trunk."""

import inspect
import json
from typing import Any

from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS


def check_trunk_options(trunk: str, options: dict[str, Any]) -> None:
    """Check that a trunk has these options and that a saved model can hold their values.

    Raises:
        InputError: if the trunk or an option is unknown, or a value is not JSON-able.
    """
    known = list(inspect.signature(TRUNKS.get(trunk)).parameters)
    known.remove("input_shape")
    for option, value in options.items():
        if option not in known:
            raise InputError(f"trunk {trunk!r} has no option {option!r}: it has {', '.join(known)}")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{option}={value!r} of trunk {trunk!r} cannot be saved: use numbers, strings, "
                "booleans and lists"
            ) from error
