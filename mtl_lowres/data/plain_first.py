"""Many image files at once, the plain JPEGs among them by the shortest way."""

import functools
from collections.abc import Callable

import tensorflow as tf

from mtl_lowres.data.decode import MAX_PIXELS, decode_image, decode_near_size, tolerant_map
from mtl_lowres.data.jpeg import REDUCTIONS, choose_reduction, decode_plain_jpeg, plain_jpeg_shape


def map_images(
    function: Callable,
    items: tuple[tf.Tensor, ...],
    output_shape: tuple[int, ...],
    *,
    contents_of: Callable,
    near_size: tuple[int | None, int | None] | None,
    parallel_calls: int | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Apply a function to the image of every item; an item that fails does not fail the others.

    Most files are plain JPEGs, and most of a batch are reduced alike. So all are first tried as
    that, which raises at the header of another file and costs it 30 microseconds, and what failed
    is decoded by the function for all formats, which takes some 60 more for each. An image is the
    same to the bit either way, whatever its neighbours are.

    Args:
        function: (image float32 [h, w, 3] in [0, 1], item) -> float32 [*output_shape].
        items: tensors of the same leading dimension n, which may be 0.
        output_shape: as in `tolerant_map`.
        contents_of: from an item to the bytes of its file.
        near_size: the size of `decode_near_size`; None to decode in full.
        parallel_calls: as in `tolerant_map`.

    Returns:
        outputs [n, *output_shape], zeros where it failed, and ok, bool [n].
    """
    least_side = 0 if near_size is None or None in near_size else 2 * max(near_size)

    def decode_all(decode, items, inline):
        return tolerant_map(
            lambda item: function(decode(contents_of(item)), item),
            items,
            output_shape,
            parallel_calls=parallel_calls,
            inline=inline,
        )

    def as_plain(reduction):
        options = {"reduction": reduction, "least_side": least_side, "max_pixels": MAX_PIXELS}
        return decode_all(functools.partial(decode_plain_jpeg, **options), items, inline=True)

    def as_any(missed):
        decode = decode_image
        if least_side:
            decode = functools.partial(decode_near_size, size=near_size)
        few = tuple(tf.gather(part, missed[:, 0]) for part in items)
        return decode_all(decode, few, inline=False)

    if least_side:
        first = _reduction_of_first(items, contents_of, least_side)
        outputs, ok = tf.switch_case(
            first, [functools.partial(as_plain, place) for place in range(len(REDUCTIONS))]
        )
    else:
        outputs, ok = as_plain(0)
    missed = tf.where(~ok)

    def add_missed():
        more, more_ok = as_any(missed)
        return (
            tf.tensor_scatter_nd_update(outputs, missed, more),
            tf.tensor_scatter_nd_update(ok, missed, more_ok),
        )

    return tf.cond(tf.size(missed) > 0, add_missed, lambda: (outputs, ok))


def _reduction_of_first(items: tuple, contents_of: Callable, least_side: int) -> tf.Tensor:
    """Return the place in `REDUCTIONS` for the first item, 0 where that is no plain JPEG."""
    most = len(REDUCTIONS) - 1
    reductions, _ = tolerant_map(
        lambda item: choose_reduction(plain_jpeg_shape(contents_of(item)), most, least_side),
        tuple(part[:1] for part in items),
        [],
        tf.int32,
        parallel_calls=None,
        inline=True,
    )
    return tf.reduce_sum(reductions)
