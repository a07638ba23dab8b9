"""Checks of the heads that a model is built from."""

import re
from collections.abc import Sequence

from mtl_lowres.errors import InputError
from mtl_lowres.heads.base import Head
from mtl_lowres.registry import HEADS


def check_heads(heads: dict[str, Head]) -> None:
    """Check task names and heads.

    Raises:
        InputError: if there is none, a name cannot name a layer, or a value is no head.
    """
    if not heads:
        raise InputError("heads={} cannot be used: give at least one task and its head")
    for task, head in heads.items():
        # Task names become names of layers, which TensorFlow restricts.
        if not isinstance(task, str) or not re.fullmatch(r"[A-Za-z]\w*", task, re.ASCII):
            raise InputError(
                f"task name {task!r} cannot be used: start with a letter a-z and go on with "
                "letters, digits and underscores"
            )
        if not isinstance(head, Head):
            raise InputError(f"head {head!r} of task {task!r} is no Head: use e.g. Posture(38)")


def check_class_names(heads: dict[str, Head], class_names: dict[str, Sequence[str]]) -> None:
    """Check that the names belong to the heads' classes.

    Raises:
        InputError: if a task has no head, or another number of classes than names.
    """
    for task, names in class_names.items():
        if task not in heads:
            raise InputError(f"class_names has task {task!r}, but the heads are {list(heads)}")
        if heads[task].classes is None:
            answer = "a number" if heads[task].unit else "an embedding"
            raise InputError(
                f"class_names has task {task!r}, but its head answers {answer}: leave them out"
            )
        if len(names) != heads[task].classes:
            raise InputError(
                f"class_names of task {task!r} has {len(names)} names, but its head has "
                f"{heads[task].classes} classes"
            )


def registered_name(head: Head) -> str:
    """Return the name by which `HEADS` knows the class of a head.

    Raises:
        InputError: if it is not registered.
    """
    for name in HEADS.list():
        if HEADS.get(name) is type(head):
            return name
    raise InputError(
        f"{type(head).__name__} is not registered, so a saved model could not name it: decorate it "
        "with @HEADS.register(name)"
    )
