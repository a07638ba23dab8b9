"""What every method of estimating an age provides."""

from typing import Any

import tensorflow as tf

from mtl_lowres.losses.age import AgeLoss


class AgeMethod:
    """One way to put ages into an output, to train it, and to read it.

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        **options: those that `options` names.
    """

    options: tuple[str, ...] = ()

    def __init__(self, min_age: int, max_age: int, **options: Any):
        self.min_age = min_age
        self.max_age = max_age
        self.count = max_age - min_age + 1

    def build(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Add the output layers to a graph and return the output, float32 [n, ...]."""
        raise NotImplementedError(f"{type(self).__name__} must define build(x, name)")

    def loss(self) -> AgeLoss:
        """Return the loss of the output."""
        raise NotImplementedError(f"{type(self).__name__} must define loss()")

    def years(self, output: tf.Tensor) -> tf.Tensor:
        """Return the age that an output stands for, float32 [n] within the range."""
        raise NotImplementedError(f"{type(self).__name__} must define years(output)")

    def std_years(self, output: tf.Tensor) -> tf.Tensor | None:
        """Return the standard deviation of the age [n]; None where there is no distribution."""
        return None

    def get_options(self) -> dict[str, Any]:
        """Return the options, resolved, as JSON-able values."""
        return {}
