"""Age as many coarse classifications at once."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.age_methods.base import AgeMethod
from mtl_lowres.losses.label_diversity import LabelDiversity


def random_centres(min_age: int, max_age: int, heads: int, bins: int, seed: int) -> list[list[int]]:
    """Return distinct random years of a range for each head, ascending, [heads, bins]."""
    random = np.random.default_rng(seed)
    years = np.arange(min_age, max_age + 1)
    return [np.sort(random.choice(years, bins, replace=False)).tolist() for _ in range(heads)]


class DiverseBins(AgeMethod):
    """Many softmaxes over few bins each, [n, heads, bins]; the mean of the expectations is the age.

    Every head has bins of its own around random years, so that together they tell ages apart which
    each of them puts into one bin.

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        heads: number of softmaxes, at least 1.
        bins: number of bins of each, from 2 to the number of years.
        seed: of the random years.
        centres: the centres of the bins themselves, [heads, bins], as a saved model has them;
            instead of `heads`, `bins` and `seed`.

    Raises:
        InputError: if a value is out of range, or centres are given beside their numbers.

    Source: Berg et al., ICPR 2020 (arXiv 2006.15864), "random bins": 30 heads of 10 bins.
    """

    options = ("heads", "bins", "seed", "centres")

    def __init__(
        self,
        min_age: int,
        max_age: int,
        heads: int | None = None,
        bins: int | None = None,
        seed: int | None = None,
        centres: Sequence[Sequence[float]] | None = None,
    ):
        super().__init__(min_age, max_age)
        if centres is None:
            heads = _checked("heads", 30 if heads is None else heads, 1, 1000)
            bins = _checked("bins", min(10, self.count) if bins is None else bins, 2, self.count)
            seed = _checked("seed", 0 if seed is None else seed, 0, 2**32 - 1)
            centres = random_centres(min_age, max_age, heads, bins, seed)
        elif not (heads is None and bins is None and seed is None):
            raise InputError("centres are given: leave out heads, bins and seed, which draw them")
        self.centres = _checked_centres(centres)

    def build(self, x, name):
        """Return the probabilities."""
        heads, bins = np.shape(self.centres)
        x = tf.keras.layers.Dense(heads * bins, dtype="float32", name=f"{name}_logits")(x)
        x = tf.keras.layers.Reshape((heads, bins), dtype="float32", name=f"{name}_heads")(x)
        return tf.keras.layers.Softmax(dtype="float32", name=name)(x)

    def loss(self):
        """Return the sum of the cross-entropies."""
        return LabelDiversity(self.centres, self.min_age, self.max_age)

    def years(self, output):
        """Return the mean over the heads of the expectation of the centres."""
        centres = tf.constant(self.centres, tf.float32)
        return tf.reduce_mean(tf.reduce_sum(output * centres, axis=-1), axis=-1)

    def std_years(self, output):
        """Return the standard deviation of the mixture of all heads."""
        centres = tf.constant(self.centres, tf.float32)
        deviation = centres - self.years(output)[:, None, None]
        variances = tf.reduce_sum(output * tf.square(deviation), axis=-1)
        return tf.sqrt(tf.reduce_mean(variances, axis=-1))

    def get_options(self):
        """Return the centres, so that a saved model does not depend on how they were drawn."""
        return {"centres": self.centres}


def _checked(option: str, value: int, lowest: int, highest: int) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        raise InputError(
            f"{option}={value!r} cannot be used: give an integer from {lowest} to {highest}"
        )
    return int(value)


def _checked_centres(centres: Sequence[Sequence[float]]) -> list[list[float]]:
    try:
        array = np.array(centres, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] < 2 or not (np.diff(array) > 0).all():
        raise InputError(
            "centres cannot be used: give one list a head, all of one length of at least 2, "
            "each ascending"
        )
    return array.tolist()
