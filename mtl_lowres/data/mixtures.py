"""The operations of augmentations that mix images of two rows."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from mtl_lowres.data.recipe import require_number
from mtl_lowres.registry import AUGMENTATIONS


@dataclasses.dataclass(frozen=True)
class Mix:
    """A mixture of pairs of images: `shares(size, seed) -> float32 [size]` of the first image."""

    shares: Callable


@dataclasses.dataclass(frozen=True)
class Blend:
    """A mixture of the images of two rows, for which no label holds but a teacher's answer.

    `draw(seed int32 [2], rows) -> (share float32 [], partner int32 [])` of one row: the share of
    its own image, 1 where it is left alone, and the row that it is mixed with.
    """

    draw: Callable


@AUGMENTATIONS.register("mixup")
def mixup(alpha: float) -> Mix:
    """Mix pairs of images in shares from Beta(`alpha`, `alpha`) (Zhang et al. 2018, equation 1).

    One share is drawn a pair, where their program draws one a batch.
    """
    alpha = require_number("alpha", alpha, 0.01)

    def shares(size, seed):
        # In float64 the two draws of a small alpha do not both underflow to 0.
        draws = tf.random.stateless_gamma([2, size], seed, alpha, dtype=tf.float64)
        return tf.cast(draws[0] / (draws[0] + draws[1]), tf.float32)

    return Mix(shares)


@AUGMENTATIONS.register("blend")
def blend(probability: float, least: float = 0.3) -> Blend:
    """Mix an image with that of another row, with `probability`, before it is degraded.

    The share of either is even in [`least`, 1 - `least`]. Labels are left alone, so that it is for
    tasks alone that learn from a teacher, who is asked about the mixture.
    """
    probability = require_number("probability", probability, 0, 1)
    least = require_number("least", least, 0, 0.5)

    def draw(seed, rows):
        chance, share, partner = tf.unstack(tf.random.split(seed, 3))
        own = tf.random.stateless_uniform([], share, least, 1.0 - least)
        chosen = tf.random.stateless_uniform([], chance) < probability
        other = tf.random.stateless_uniform([], partner, 0, rows, tf.int32)
        return tf.where(chosen, own, 1.0), other

    return Blend(draw)
