"""Inverse super-resolution: from one image as many low-resolution ones as it has small motions."""

import tensorflow as tf

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.data.degradations import Operation
from mtl_lowres.data.recipe import require_integer, require_number
from mtl_lowres.registry import DEGRADATIONS

# First word of the seeds of the fixed transforms, whose second is their number.
_FIXED = 1604_03196


@DEGRADATIONS.register("subpixel")
def subpixel(
    shift: float = 2.0, scale: float = 0.0, degrees: float = 0.0, transforms: int = 0
) -> Operation:
    """Move an image a little at random, in one warp (bilinear; the border is repeated).

    In front of a reduction, as in `"subpixel(shift=4)|area(12, 16)"` of 64x64 pixels, the motion is
    a fraction of a pixel of the result, so that each draw samples the scene anew. All frames of a
    clip move alike.

    Args:
        shift: largest motion in x and in y, in pixels of the image that comes in.
        scale: largest change of size about the centre, as a fraction of it, up to 0.9.
        degrees: largest turn about the centre, up to 180.
        transforms: 0 draws from the whole range; a number draws among so many fixed motions, which
            are evenly drawn in the range once and for all and are the same wherever they are used.

    Source: Ryoo et al., "Privacy-preserving human activity recognition from extreme low
    resolution" (AAAI 2017, arXiv 1604.03196), where the transforms are learnt; their number and
    ranges are not given. Here they are random.
    """
    require_number("shift", shift, 0)
    require_number("scale", scale, 0, 0.9)
    require_number("degrees", degrees, 0, 180)
    require_integer("transforms", transforms, 0)
    motion = parse_augment(f"rotate({degrees!r})|scale({scale!r})|shift({shift!r})")

    def move(clips, seed):
        if not transforms:
            return motion.images(clips, seed)
        numbers = tf.random.stateless_uniform(tf.shape(clips)[:1], seed, 0, transforms, tf.int32)
        moved = tf.map_fn(
            lambda item: motion.images(item[0][tf.newaxis], tf.stack([_FIXED, item[1]]))[0],
            (clips, numbers),
            fn_output_signature=tf.float32,
        )
        return tf.ensure_shape(moved, clips.shape)

    return Operation(
        lambda images, seed: move(images[:, tf.newaxis], seed)[:, 0],
        random=True,
        clip=lambda frames, seed: move(frames[tf.newaxis], seed)[0],
    )
