"""Farnebäck's optical flow in TensorFlow operations, for models that must do without OpenCV."""

import cv2
import numpy as np
import tensorflow as tf

from mtl_lowres.data.flow import LUMA, Farneback, FlowMethod

# Fixed in OpenCV: the smallest side of a level, and the trust in pixels near the border.
_SMALLEST_SIDE = 32
_BORDER_WEIGHTS = np.float32([0.14, 0.14, 0.4472, 0.4472, 0.4472])
_REGULARISER = 1e-3
_HALF = 0.5

# A separable linear filter: the matrices for rows [h', h] and columns [w', w].
Filter = tuple[np.ndarray, np.ndarray]


# There is nothing in it for AutoGraph, which would take thrice as long to make the graph.
@tf.autograph.experimental.do_not_convert
def append_flow(frames: tf.Tensor, method: FlowMethod) -> tf.Tensor:
    """Return a clip with its encoded flow, as `clip_flow` and `encode_flow` give it.

    Args:
        frames: RGB float32 [t, h, w, 3] in [0, 1]; t, h and w must be known.
        method: whose `compute` is a `Farneback`.

    Returns:
        float32 [t, h, w, 5] in [0, 1].
    """
    red, green, blue = tf.unstack(frames * LUMA, axis=-1)
    grey = tf.round((red + green + blue) * 255.0)
    flow = tf.zeros([*frames.shape[:3], 2])
    if frames.shape[0] > 1:
        flow = farneback_graph(method.compute, grey[:-1], grey[1:])
        flow = tf.concat([flow, flow[-1:]], axis=0)
    encoded = tf.clip_by_value(0.5 + flow * (0.5 / method.bound), 0.0, 1.0)
    return tf.concat([frames, encoded], axis=-1)


def farneback_graph(settings: Farneback, before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Return the flow between grey images as OpenCV computes it with these settings.

    Every filter in it is separable and linear: one matrix for the rows and one for the columns,
    with the rule for the border in them, made when the graph is. What OpenCV rounds to float32 is
    rounded here, and what it sums in float64 is summed so.

    Args:
        settings: of `cv2.calcOpticalFlowFarneback`; the window must be of two pixels at least.
        before: grey images [n, h, w], whole values 0..255; h and w must be known, n may be 0.
        after: the images that follow, likewise.

    Returns:
        float32 [n, h, w, 2], (dx, dy) in pixels.

    Source: Farnebäck (SCIA 2003), by OpenCV 4's optflowgf.cpp. Of images of 6 x 8 to 120 x 160
    pixels, moved by up to two pixels, the result is OpenCV's within 2e-4 pixels.
    """
    images = tf.cast(tf.concat([before, after], axis=0), tf.float64)
    full = tuple(images.shape[1:])
    flow = None
    for scale in _scales(full, settings.levels):
        size = round(full[0] * scale), round(full[1] * scale)
        flow = _first_flow(before, size) if flow is None else _enlarged(flow, size)
        smaller = _filtered(images, _shrinking(full, size, scale))
        first, second = tf.split(_expanded(smaller, settings), 2)
        average = _averaging(size, settings.window)
        for _ in range(settings.iterations):
            equations = _equations(first, second, flow)
            flow = _solved(_filtered(tf.cast(equations, tf.float64), average))
    return flow


def _scales(size: tuple[int, int], levels: int) -> list[float]:
    """Return the scale of each level, the smallest first."""
    scales = [1.0]
    while len(scales) <= levels and min(size) * scales[-1] * _HALF >= _SMALLEST_SIDE:
        scales.append(scales[-1] * _HALF)
    return scales[::-1]


def _first_flow(images: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    return tf.zeros([tf.shape(images)[0], *size, 2])


def _enlarged(flow: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Return the flow of the next smaller level at `size`."""
    components = tf.transpose(tf.cast(flow, tf.float64), [3, 0, 1, 2])
    resize = tuple(_resizing(*sides) for sides in zip(flow.shape[1:3], size, strict=True))
    larger = _filtered(components, resize) / _HALF
    return tf.cast(tf.transpose(larger, [1, 2, 3, 0]), tf.float32)


def _shrinking(full: tuple[int, int], size: tuple[int, int], scale: float) -> Filter:
    """Return the filter that smooths an image and brings it to `size`."""
    sigma = (1 / scale - 1) * 0.5
    kernel = cv2.getGaussianKernel(max(3, round(sigma * 5) | 1), sigma, cv2.CV_32F)[:, 0]
    return tuple(
        _resizing(side, smaller) @ _convolution(kernel, side, border="reflect")
        for side, smaller in zip(full, size, strict=True)
    )


def _averaging(size: tuple[int, int], window: int) -> Filter:
    """Return the filter over the window, whose side OpenCV makes odd without dividing by it."""
    kernel = np.full(window // 2 * 2 + 1, 1 / window)
    return tuple(_convolution(kernel, side, border="edge") for side in size)


def _resizing(side: int, new: int) -> np.ndarray:
    """Return the matrix [new, side] of linear interpolation between pixel centres."""
    places = np.clip((np.arange(new) + 0.5) * side / new - 0.5, 0, side - 1)
    return np.maximum(0, 1 - np.abs(places[:, np.newaxis] - np.arange(side)))


def _convolution(kernel: np.ndarray, side: int, border: str) -> np.ndarray:
    """Return the matrix [side, side] that weights the neighbours of each pixel by a kernel."""
    sources = np.pad(np.arange(side), len(kernel) // 2, border)
    matrix = np.zeros((side, side))
    for offset, weight in enumerate(kernel):
        np.add.at(matrix, (np.arange(side), sources[offset : offset + side]), weight)
    return matrix


def _filtered(images: tf.Tensor, separable: Filter) -> tf.Tensor:
    """Filter float64 [..., h, w]."""
    rows, columns = separable
    return tf.matmul(tf.matmul(rows, images), columns, transpose_b=True)


def _expanded(images: tf.Tensor, settings: Farneback) -> tf.Tensor:
    """Fit a quadratic polynomial to the neighbourhood of each pixel, nearer ones counting more.

    Returns:
        float32 [n, h, w, 5], the coefficients of y, x, y², x², and xy.
    """
    offsets = np.arange(-settings.poly_n, settings.poly_n + 1.0)
    weights = np.exp(-(offsets**2) / (2 * settings.poly_sigma**2))
    weights /= weights.sum()

    # The means around each pixel of what the image, times 1, y, x, y², x² and xy, holds there.
    powers = np.array([(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1)])
    separable = []
    for side, own_powers in zip(images.shape[1:], powers.T, strict=True):
        kernels = [weights * offsets**power for power in own_powers]
        matrices = [_convolution(kernel, side, border="edge") for kernel in kernels]
        separable.append(np.stack(matrices)[:, np.newaxis])
    mean, y, x, yy, xx, xy = tf.unstack(_filtered(images, separable))
    # What is left of the normal equations, as the weights are symmetric and separable.
    second, fourth = weights @ offsets**2, weights @ offsets**4
    spread = fourth - second**2
    coefficients = [
        y / second,
        x / second,
        (yy - second * mean) / spread,
        (xx - second * mean) / spread,
        xy / second**2,
    ]
    return tf.cast(tf.stack(coefficients, axis=-1), tf.float32)


def _equations(first: tf.Tensor, second: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """Return the equations for the flow of each pixel: g11, g12, g22, h1, h2, float32 [5, n, h, w].

    `first` and `second` are the polynomials of both images, compared where `flow` leads.
    """
    dx, dy = tf.unstack(flow, axis=-1)
    moved, inside = _sampled(second, dx, dy)
    y, x, yy, xx, xy = tf.unstack(first, axis=-1)
    to_y, to_x, to_yy, to_xx, to_xy = tf.unstack(moved, axis=-1)
    # Beyond the image there is nothing to compare with: the first image stands for both.
    yy = tf.where(inside, (yy + to_yy) * 0.5, yy)
    xx = tf.where(inside, (xx + to_xx) * 0.5, xx)
    xy = tf.where(inside, (xy + to_xy) * 0.25, xy * 0.5)
    trust = _trust(*flow.shape[1:3])
    step_y = ((y - to_y) * 0.5 + yy * dy + xy * dx) * trust
    step_x = ((x - to_x) * 0.5 + xy * dy + xx * dx) * trust
    yy, xx, xy = yy * trust, xx * trust, xy * trust
    return tf.stack(
        [
            yy * yy + xy * xy,
            (yy + xx) * xy,
            xx * xx + xy * xy,
            yy * step_y + xy * step_x,
            xy * step_y + xx * step_x,
        ]
    )


def _sampled(values: tf.Tensor, dx: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return float32 [n, h, w, c] bilinearly where the flow leads, and whether that is inside.

    What is outside is 0.
    """
    height, width = values.shape[1:3]
    x = tf.range(width, dtype=tf.float32) + dx
    y = tf.range(height, dtype=tf.float32)[:, tf.newaxis] + dy
    left, top = tf.floor(x), tf.floor(y)
    inside = (left >= 0) & (left < width - 1) & (top >= 0) & (top < height - 1)
    across, down = ((place - tf.floor(place))[..., tf.newaxis] for place in (x, y))
    # Wherever they lie, what is gathered must be there.
    left = tf.cast(tf.clip_by_value(left, 0, max(0, width - 2)), tf.int32)
    top = tf.cast(tf.clip_by_value(top, 0, max(0, height - 2)), tf.int32)

    pixels = tf.reshape(values, [-1, height * width, values.shape[-1]])

    def corner(right, below):
        row, column = tf.minimum(top + below, height - 1), tf.minimum(left + right, width - 1)
        return tf.gather(pixels, row * width + column, batch_dims=1)

    sampled = (
        (1 - across) * (1 - down) * corner(0, 0)
        + across * (1 - down) * corner(1, 0)
        + (1 - across) * down * corner(0, 1)
        + across * down * corner(1, 1)
    )
    return tf.where(inside[..., tf.newaxis], sampled, 0.0), inside


def _trust(height: int, width: int) -> np.ndarray:
    """Return the weight of each pixel's equations, float32 [h, w], smaller near the border."""
    (rows, near_rows), (columns, near_columns) = map(_border, (height, width))
    near = near_rows[:, np.newaxis] | near_columns
    return np.where(near, rows[:, np.newaxis] * columns, np.float32(1))


def _border(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight [side] of each place, and whether OpenCV sees it as near the border."""
    places, reach = np.arange(side), len(_BORDER_WEIGHTS)
    weights = np.append(_BORDER_WEIGHTS, np.float32(1))
    both_ends = weights[np.minimum(places, reach)] * weights[np.minimum(places[::-1], reach)]
    # It compares unsigned numbers, which wrap around where a side has fewer than ten pixels.
    inner = np.array(side - 2 * reach).astype(np.uint32)
    return both_ends, (places - reach).astype(np.uint32) >= inner


def _solved(equations: tf.Tensor) -> tf.Tensor:
    """Return the flow float32 [n, h, w, 2] that solves averaged equations, float64 [5, n, h, w]."""
    g11, g12, g22, h1, h2 = tf.unstack(equations)
    determinant = g11 * g22 - g12 * g12 + _REGULARISER
    dx = (g11 * h2 - g12 * h1) / determinant
    dy = (g22 * h1 - g12 * h2) / determinant
    return tf.cast(tf.stack([dx, dy], axis=-1), tf.float32)
