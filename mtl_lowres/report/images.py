"""Images as text that a page or a figure can hold."""

import base64

import cv2
import numpy as np


def png_data_uri(image: np.ndarray, longest: int) -> str:
    """Return a PNG as a `data:` URI, shrunk where its longer side is above `longest` pixels.

    Args:
        image: uint8, RGB [h, w, 3] or grey [h, w] or [h, w, 1].
        longest: pixels; smaller images keep their size.

    Raises:
        ValueError: if the array is no such image.
    """
    if (
        image.dtype != np.uint8
        or image.ndim not in (2, 3)
        or image.shape[2:] not in ((), (1,), (3,))
    ):
        raise ValueError(
            f"image is {image.dtype} {image.shape}: give uint8 [h, w], [h, w, 1] or [h, w, 3]"
        )
    height, width = image.shape[:2]
    if max(height, width) > longest:
        scale = longest / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if image.shape[2:] == (3,):
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".png", image)
    return "data:image/png;base64," + base64.b64encode(encoded).decode()
