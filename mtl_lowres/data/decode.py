"""Image files to tensors, in TensorFlow operations that also live in an exported SavedModel."""

import re
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from mtl_lowres.data import headers
from mtl_lowres.data.bmp import decode_bmp
from mtl_lowres.data.inline_map import inline_map
from mtl_lowres.data.jpeg import REDUCTIONS, choose_reduction, is_plain_jpeg, reduced_jpeg
from mtl_lowres.data.npy import decode_npy
from mtl_lowres.data.packed import file_of, read_contents

# 50 million pixels are 600 MB as float32 RGB.
MAX_PIXELS = 50_000_000


def decode_image(
    contents: tf.Tensor, *, max_pixels: int = MAX_PIXELS, reduce: int = 1
) -> tf.Tensor:
    """Decode the bytes of one image file of any supported format.

    The content decides the format, not a file name: JPEG (also CMYK), PNG (8 and 16 bit), BMP
    (uncompressed, 8, 24 or 32 bit), GIF (first frame, on its canvas) and NumPy's `.npy` (see
    `decode_npy`). Gray becomes RGB, alpha is dropped, the EXIF orientation of JPEG and PNG is
    applied. Bytes after the end of the image are ignored. A CMYK JPEG is read as PIL does if it has
    Adobe's marker; without the marker it is taken as not inverted, unlike in PIL and OpenCV.

    Args:
        contents: string scalar.
        max_pixels: limit of height x width, checked on the header before anything is decoded.
        reduce: 1, 2, 4 or 8: decode a JPEG at that fraction of its sides, rounded up. Other
            formats are decoded in full.

    Returns:
        float32 [h, w, 3] in [0, 1], the same in eager mode, in `tf.data` and in an exported graph.

    Raises:
        ValueError: if `reduce` is not one of 1, 2, 4, 8.
        tf.errors.InvalidArgumentError: if the bytes are no image, truncated, corrupt, or too large.
    """
    if reduce not in REDUCTIONS:
        raise ValueError(f"reduce must be one of {REDUCTIONS}, not {reduce!r}")
    return _decode(contents, max_pixels, REDUCTIONS.index(reduce), 0)


def _decode(contents, max_pixels, most, least_side):
    """Decode; a JPEG at the reduction number `most` at most, and not to below `least_side`."""
    # The operations one by one would take ten times as long in eager mode.
    decode = _decode_eagerly if tf.executing_eagerly() else _decode_in_graph
    return decode(contents, max_pixels, most, least_side)


def _decode_in_graph(contents, max_pixels, most, least_side):
    is_plain = is_plain_jpeg(contents)
    shape = tf.cond(
        is_plain,
        lambda: tf.image.extract_jpeg_shape(contents)[:2],
        lambda: tf.zeros([2], tf.int32),
    )
    pixels = tf.reduce_prod(tf.cast(shape, tf.int64))
    is_small = (pixels > 0) & (pixels <= max_pixels)
    return tf.switch_case(
        tf.where(is_small, choose_reduction(shape, most, least_side), len(REDUCTIONS)),
        [
            *(lambda r=ratio: _unit_range(reduced_jpeg(contents, r)) for ratio in REDUCTIONS),
            lambda: _decode_any(contents, max_pixels, most, least_side),
        ],
    )


_SIGNATURE = [
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([], tf.int64),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.int32),
]
_decode_eagerly = tf.function(_decode_in_graph, _SIGNATURE, autograph=False)


def decode_near_size(
    contents: tf.Tensor, size: tuple[int | None, int | None], *, max_pixels: int = MAX_PIXELS
) -> tf.Tensor:
    """Decode as `decode_image`, but a JPEG at the smallest scale at least twice `size`.

    Args:
        contents: string scalar.
        size: (height, width) in pixels that the image will be averaged down to; where one is
            None, and for other formats, the image is decoded in full.
        max_pixels: as in `decode_image`, for the size before the reduction.

    Returns:
        float32 [h, w, 3] in [0, 1]. The shorter side is at least twice the longer of `size`,
        unless the file itself is smaller, so that the bound holds however EXIF turns the image.
    """
    if None in size:
        return decode_image(contents, max_pixels=max_pixels)
    return _decode(contents, max_pixels, len(REDUCTIONS) - 1, 2 * max(size))


def tolerant_map(
    function: Callable,
    items,
    output_shape,
    output_dtype: tf.DType = tf.float32,
    parallel_calls: int | None = tf.data.AUTOTUNE,
    inline: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Apply `function` to every item; an item on which it fails does not fail the others.

    Works eagerly, inside `tf.function` and `Dataset.map`, and in a SavedModel.

    Args:
        function: takes one item (a tuple where `items` is one) and returns a tensor.
        items: tensor or tuple of tensors with the same leading dimension n, which may be 0.
        output_shape: the fully known shape of what `function` returns; an item whose result has
            another shape counts as failed.
        output_dtype: the type of what `function` returns.
        parallel_calls: how many items at a time; `tf.data.AUTOTUNE` is one per core, None is one
            after the other in the calling thread.
        inline: whether `inline_map` is used, which pays if `function` has no branches and is short.

    Returns:
        outputs [n, *output_shape], zeros where the function failed, and ok, bool [n].

    Raises:
        ValueError: if `output_shape` is not fully known.

    Example:
        >>> images, ok = tolerant_map(
        ...     lambda b: tf.image.resize(decode_image(b), [16, 16]), files, [16, 16, 3]
        ... )
    """
    shape = tf.TensorShape(output_shape)
    if not shape.is_fully_defined():
        raise ValueError(f"output_shape must be fully known, not {shape}")
    count = tf.shape(tf.nest.flatten(items)[0], out_type=tf.int64)[0]

    def indexed(index, *item):
        item = tf.nest.pack_sequence_as(items, item)
        return index, tf.ensure_shape(function(item), shape)

    # Not Dataset.enumerate: it rewrites its graph at every call, which takes longer than all the
    # rest for a small batch and writes a line to the log.
    results = tf.data.Dataset.from_tensor_slices((tf.range(count), *tf.nest.flatten(items)))
    mapped = inline_map if inline else tf.data.Dataset.map
    results = mapped(results, indexed, parallel_calls)
    results = results.ignore_errors(log_warning=False)
    # A last row that always succeeds, since an empty dataset has no single element.
    spare = tf.data.Dataset.from_tensors((count, tf.zeros(shape, output_dtype)))
    results = results.concatenate(spare).batch(count + 1).with_options(_plain_options())
    places, values = results.get_single_element()
    places = places[:, tf.newaxis]
    outputs = tf.scatter_nd(places, values, tf.stack([count + 1, *shape]))
    ok = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [count + 1]) > 0
    return tf.ensure_shape(outputs[:-1], [None, *shape]), ok[:-1]


def _plain_options() -> tf.data.Options:
    """Return options without the graph rewriting and tuning that pay only on long iterations."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def explain(path: str | Path, max_pixels: int = MAX_PIXELS) -> str | None:
    """Say in one line why a file does not decode, or return None if it does.

    Example:
        >>> explain("photo.jpg")
        'truncated JPEG'
    """
    file = file_of(path)
    try:
        if not file.is_file():
            return "no such file" if not file.exists() else "not a regular file"
        start = read_contents(path, 16)
        if not start:
            return "empty file (0 bytes)"
        if headers.is_video(start):
            return "a video: use clip=..., such as clip='uniform(15)'"
        if start.startswith(headers.ZIP_MAGIC):
            return "an .npz file of frames: use clip=..., such as clip='uniform(15)'"
        if not start.startswith(tuple(headers.MAGIC_BYTES.values())):
            return f"not an image: starts with {start!r}"
        contents = read_contents(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError as error:
        return str(error)
    try:
        decode_image(contents, max_pixels=max_pixels)
    except tf.errors.OpError as error:
        return _reason(contents, error)
    return None


def _reason(contents: bytes, error: tf.errors.OpError) -> str:
    """Turn an error of `decode_image` into a line for a person."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return "not enough memory to decode it"
    assertion = re.search("assertion failed: (.*)", error.message)
    if assertion:
        return " ".join(re.findall(r"\[(.*?)\](?= |$)", assertion[1]))
    name = next(n for n, magic in headers.MAGIC_BYTES.items() if contents.startswith(magic))
    complete = {
        "JPEG": contents.rstrip(b"\0").endswith(b"\xff\xd9"),
        "PNG": b"IEND" in contents[-1024:],
        "BMP": len(contents) >= int.from_bytes(contents[2:6], "little"),
    }
    return f"{'corrupt' if complete.get(name, True) else 'truncated'} {name}"


# Not inlined in the graphs that call it, where each of its hundreds of operations would cost a
# little for every image, also if none of them runs.
@tf.function(
    input_signature=_SIGNATURE, autograph=False, experimental_attributes={"_noinline": True}
)
def _decode_any(contents, max_pixels, most, least_side):
    decoders = [  # in the order of headers.MAGIC_BYTES
        lambda: _decode_jpeg(contents, max_pixels, most, least_side),
        lambda: _decode_png(contents, max_pixels),
        lambda: _decode_gif(contents, max_pixels),
        lambda: decode_bmp(contents, max_pixels),
        lambda: decode_npy(contents, max_pixels),
        lambda: headers.require(tf.zeros([0, 0, 3]), (False, "not an image")),
    ]
    image = tf.switch_case(headers.find_format(contents), decoders)
    return tf.ensure_shape(image, [None, None, 3])


def _decode_jpeg(contents, max_pixels, most, least_side):
    shape = tf.image.extract_jpeg_shape(contents)[:2]
    contents = headers.require_size(contents, shape[0], shape[1], max_pixels)
    image = tf.switch_case(
        choose_reduction(shape, most, least_side),
        [lambda ratio=ratio: reduced_jpeg(contents, ratio) for ratio in REDUCTIONS],
    )
    return _unit_range(_oriented(image, headers.find_orientation(contents, headers.EXIF_MARKER)))


def _decode_png(contents, max_pixels):
    header = headers.read_header(contents)
    height, width = headers.unsigned(header[20:24], False), headers.unsigned(header[16:20], False)
    contents = headers.require_size(contents, height, width, max_pixels)
    orientation = headers.find_orientation(contents, b"eXIf")

    def decode(dtype):
        image = tf.io.decode_png(contents, channels=3, dtype=dtype)
        return _unit_range(_oriented(image, orientation))

    return tf.cond(header[24] == 16, lambda: decode(tf.uint16), lambda: decode(tf.uint8))


def _decode_gif(contents, max_pixels):
    frame, paddings = headers.first_gif_frame(contents, max_pixels)
    image = tf.io.decode_image(frame, channels=3, expand_animations=False)
    return tf.pad(_unit_range(image), paddings)


def _unit_range(image):
    return tf.image.convert_image_dtype(image, tf.float32)


def _oriented(image, orientation):
    """Return the image turned as EXIF's orientation 1..8 demands."""

    def turn():
        turned = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        mirrored = tf.reduce_any(orientation == [2, 3, 6, 7])
        upended = tf.reduce_any(orientation == [3, 4, 7, 8])
        turned = tf.cond(mirrored, lambda: tf.reverse(turned, [1]), lambda: turned)
        return tf.cond(upended, lambda: tf.reverse(turned, [0]), lambda: turned)

    return tf.cond(orientation == 1, lambda: image, turn)
