"""Writes the files that real folders hold and that must never end a run."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mtl_lowres.data.decode import decode_image

MISSING = "missing.jpg"


def photo(height: int = 48, width: int = 64) -> Image.Image:
    """Return a smooth RGB image whose four corners differ, so that a wrong turn shows."""
    corners = np.array([[[250, 30, 20], [20, 240, 40]], [[40, 20, 230], [220, 210, 60]]], "uint8")
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str, **options) -> bytes:
    """Return the bytes of a file in one of PIL's formats."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """Return the bytes that np.save writes."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def exif_rotated(image: Image.Image, orientation: int, kind: str = "JPEG", **options) -> bytes:
    """Return a file whose EXIF orientation tag is set, its pixels left as they are."""
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    return encode(image, kind, exif=exif.tobytes(), **options)


def animated_gif() -> bytes:
    """Return a GIF of three frames."""
    frames = [photo(), photo().rotate(90), photo().rotate(180)]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def huge_headers(side: int = 30000) -> dict[str, bytes]:
    """Return small files whose headers claim side x side pixels."""
    png = bytearray(encode(photo(), "PNG"))
    png[16:24] = struct.pack(">II", side, side)
    jpeg = bytearray(encode(photo(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    gif = bytearray(encode(photo(), "GIF"))
    gif[6:10] = struct.pack("<HH", side, side)
    bmp = bytearray(encode(photo(), "BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    array = npy(np.zeros((48, 64), "uint8")).replace(b"(48, 64)", f"({side}, {side})".encode())
    files = {"png": png, "jpg": jpeg, "gif": gif, "bmp": bmp, "npy": array}
    return {kind: bytes(contents) for kind, contents in files.items()}


def ugly_contents() -> dict[str, tuple[bytes, bool]]:
    """Return file name -> (bytes, whether they decode)."""
    jpeg = encode(photo(), "JPEG", quality=90)
    deep = (np.asarray(photo().convert("L")).astype("uint16") << 8) + 5
    files = {
        "truncated.jpg": (jpeg[: len(jpeg) // 2], False),
        "png_named.jpg": (encode(photo(), "PNG"), True),
        "animated.gif": (animated_gif(), True),
        "cmyk.jpg": (encode(photo().convert("CMYK"), "JPEG"), True),
        "deep.png": (encode(Image.fromarray(deep), "PNG"), True),
        "rotated.jpg": (exif_rotated(photo(), 6), True),
        "zero_bytes.jpg": (b"", False),
        "one_pixel.png": (encode(photo(1, 1), "PNG"), True),
        "text.png": (b"hello, I am no image\n", False),
        "größe 写真.jpg": (jpeg, True),
    }
    for kind, contents in huge_headers().items():
        files[f"huge_header.{kind}"] = (contents, False)
    return files


def write_ugly_files(folder: Path) -> dict[str, bool]:
    """Write the files of `ugly_contents` into `folder`.

    Returns:
        File name -> whether it decodes; also `MISSING`, which is not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = ugly_contents()
    for name, (contents, _) in files.items():
        (folder / name).write_bytes(contents)
    return {name: decodes for name, (_, decodes) in files.items()} | {MISSING: False}


def assert_bad(contents: bytes, match: str | None = None, **options) -> None:
    """Check that the contents are refused, for a reason that `match` finds."""
    with pytest.raises(tf.errors.InvalidArgumentError, match=match):
        decode_image(contents, **options)
