"""Settings as frozen dataclasses that survive JSON."""

import dataclasses
from typing import Any, Self

from mtl_lowres.errors import InputError


class Settings:
    """Base of a frozen dataclass of settings."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-able values."""
        values = dataclasses.asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the settings that `to_dict` wrote.

        Raises:
            InputError: if a setting is unknown or has an unusable value.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(
                f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        return cls(**values)


def require(condition: Any, name: str, value: Any, remedy: str) -> None:
    """Raise an InputError that quotes a setting unless a condition holds."""
    if not condition:
        raise InputError(f"{name}={value!r} cannot be used: {remedy}")
