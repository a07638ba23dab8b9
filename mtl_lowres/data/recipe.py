"""The recipe language: calls with literal arguments, joined by `|`.

Degradations and augmentations are both written in it: `"blur(0.8)|area(16)|noise(0.02)"`. A recipe
is read with `ast` and never evaluated, so that text from a file or a request can do no harm.
"""

import ast
import dataclasses
import inspect
import json
import math
from fractions import Fraction
from typing import Any

from mtl_lowres.errors import InputError
from mtl_lowres.registry import Registry


@dataclasses.dataclass(frozen=True)
class Call:
    """One step of a recipe: a name and its arguments; `str` gives its canonical text."""

    name: str
    args: tuple = ()
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        arguments = [_format_literal(value) for value in self.args]
        arguments += [f"{key}={_format_literal(value)}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(arguments)})"


def parse_calls(text: str) -> list[Call]:
    """Split a recipe into its calls.

    Arguments are numbers, quotients of two numbers (`1/7`), texts in quotes, `True`, `False`, and
    tuples of these. A name alone is a call without arguments: `gray` is `gray()`.

    Raises:
        InputError: if `text` is not such a recipe; the message shows the part that is wrong.

    Example:
        >>> parse_calls("area(16)|noise(0.02)")
        [Call(name='area', args=(16,), kwargs={}), Call(name='noise', args=(0.02,), kwargs={})]
    """
    if not isinstance(text, str):
        raise InputError(f"a recipe is a text such as 'area(16)', got {text!r}")
    if not text.strip():
        raise InputError("the recipe is empty: write at least one operation, such as 'area(16)'")
    try:
        return [_parse_call(part.strip()) for part in text.split("|")]
    except InputError as error:
        raise InputError(f"recipe {text!r}: {error}") from None


def format_calls(calls: list[Call]) -> str:
    """Return the canonical text of a recipe; `parse_calls` reads it back to equal calls."""
    return "|".join(str(call) for call in calls)


def build_call(call: Call, registry: Registry) -> Any:
    """Return what the factory registered as `call.name` makes of the arguments.

    Raises:
        InputError: if the name is unknown or the arguments do not fit the factory's signature.
    """
    factory = registry.get(call.name)
    signature = inspect.signature(factory)
    try:
        signature.bind(*call.args, **call.kwargs)
    except TypeError as error:
        parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        usage = inspect.Signature(parameters)
        raise InputError(f"{call}: {error}; it is written {call.name}{usage}") from None
    try:
        return factory(*call.args, **call.kwargs)
    except InputError as error:
        raise InputError(f"{call}: {error}") from None


def require_integer(name: str, value: Any, low: int, high: float = math.inf) -> int:
    """Return `value` if it is an integer in [low, high].

    Raises:
        InputError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name} must be an integer {_format_range(low, high)}, got {value!r}")
    return value


def require_number(name: str, value: Any, low: float, high: float = math.inf) -> float:
    """Return `value` as a float if it is a number in [low, high].

    Raises:
        InputError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name} must be a number {_format_range(low, high)}, got {value!r}")
    return float(value)


def require_flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False.

    Raises:
        InputError: if it is not.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, got {value!r}")
    return value


def _format_range(low: float, high: float) -> str:
    return f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"


def _parse_call(part: str) -> Call:
    if not part:
        raise InputError("an operation is missing beside a '|'")
    try:
        node = ast.parse(part, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"cannot read {part!r}: write name(arguments)") from None
    if isinstance(node, ast.Name):
        return Call(node.id)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise InputError(f"cannot read {part!r}: write name(arguments)")
    names = [keyword.arg for keyword in node.keywords]
    if None in names or len(set(names)) < len(names):
        raise InputError(f"cannot read {part!r}: name each argument once, without '**'")
    return Call(
        node.func.id,
        tuple(_parse_literal(argument) for argument in node.args),
        {keyword.arg: _parse_literal(keyword.value) for keyword in node.keywords},
    )


def _parse_literal(node: ast.expr) -> int | float | bool | str | tuple:
    if isinstance(node, ast.Tuple):
        return tuple(_parse_literal(element) for element in node.elts)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        numerator, denominator = _parse_number(node.left), _parse_number(node.right)
        if denominator == 0:
            raise InputError(f"division by zero in {ast.unparse(node)!r}")
        return numerator / denominator
    return _parse_number(node)


def _parse_number(node: ast.expr) -> int | float:
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    constant = node.operand if negative else node
    value = constant.value if isinstance(constant, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise InputError(
            f"argument {ast.unparse(node)!r} is not a number below 1e9, a quotient of two, "
            "a text in quotes, True, False, or a tuple of these"
        )
    return -value if negative else value


def _format_literal(value: int | float | bool | str | tuple) -> str:
    if isinstance(value, tuple):
        elements = ", ".join(map(_format_literal, value))
        return f"({elements},)" if len(value) == 1 else f"({elements})"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        # Shows 1/7 instead of 0.14285714285714285 where both mean the same float.
        fraction = Fraction(value).limit_denominator(1000)
        if len(repr(value)) > 8 and fraction.numerator / fraction.denominator == value:
            return str(fraction)
    return repr(value)
