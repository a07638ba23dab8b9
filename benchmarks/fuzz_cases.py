"""Image files of every kind, and what happens to files: for `fuzz_export.py`.

A case is made from one random generator: a good file of a random kind, and perhaps what a bad disk,
a bad line, a bad program or an attacker makes of it. `reference` reads it with other decoders than
TensorFlow's.
"""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageOps

Image.MAX_IMAGE_PIXELS = None  # `reference` has a limit of its own
_PIL_FORMATS = ("JPEG", "PNG", "GIF", "BMP")
_MAGICS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"\x93NUMPY\x01\x00")
_OTHER_STARTS = (
    b"PK\x03\x04",
    b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    b"II*\x00",
    b"%PDF-1.7\n",
    b"<html>",
    b"\x00\x00\x00\x18ftypmp42",
    b"\x1f\x8b\x08",
)


def _photo(random: np.random.Generator) -> np.ndarray:
    """Return a smooth random image, uint8 [h, w, 3], with sides of 1 to 40."""
    height, width = random.integers(1, 41, 2)
    corners = random.integers(0, 256, (3, 3, 3), np.uint8)
    return cv2.resize(corners, (int(width), int(height)), interpolation=cv2.INTER_LINEAR)


def _pil(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _npy(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _with_exif(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _pil(image, "JPEG", exif=exif.tobytes())


def _animation(image: Image.Image) -> bytes:
    return _pil(image, "GIF", save_all=True, append_images=[ImageOps.invert(image)], duration=50)


# Name -> bytes of a good file from pixels uint8 [h, w, 3] and their PIL image.
KINDS: dict[str, Callable[[np.ndarray, Image.Image], bytes]] = {
    "jpeg": lambda pixels, image: _pil(image, "JPEG", quality=90),
    "jpeg progressive": lambda pixels, image: _pil(image, "JPEG", progressive=True),
    "jpeg gray": lambda pixels, image: _pil(image.convert("L"), "JPEG"),
    "jpeg cmyk": lambda pixels, image: _pil(image.convert("CMYK"), "JPEG"),
    "jpeg turned": lambda pixels, image: _with_exif(image, 1 + int(pixels.sum()) % 8),
    "png": lambda pixels, image: _pil(image, "PNG"),
    "png 16 bit": lambda pixels, image: cv2.imencode(".png", pixels.astype(np.uint16) * 257)[
        1
    ].tobytes(),
    "png palette": lambda pixels, image: _pil(image.convert("P"), "PNG"),
    "png alpha": lambda pixels, image: _pil(image.convert("RGBA"), "PNG"),
    "png gray": lambda pixels, image: _pil(image.convert("L"), "PNG"),
    "png 1 bit": lambda pixels, image: _pil(image.convert("1"), "PNG"),
    "gif": lambda pixels, image: _pil(image, "GIF"),
    "gif animation": lambda pixels, image: _animation(image),
    "bmp 24 bit": lambda pixels, image: _pil(image, "BMP"),
    "bmp 8 bit": lambda pixels, image: _pil(image.convert("P"), "BMP"),
    "bmp 32 bit": lambda pixels, image: _pil(image.convert("RGBA"), "BMP"),
    "npy uint8": lambda pixels, image: _npy(pixels),
    "npy uint16": lambda pixels, image: _npy(pixels[..., 0].astype(np.uint16) * 257),
    "npy float32": lambda pixels, image: _npy(np.asfortranarray(pixels / np.float32(255))),
}


def _cut(data: bytes, random) -> bytes:
    return data[: random.integers(0, len(data))]


def _flipped(data: bytes, random, end: int | None = None) -> bytes:
    changed = np.frombuffer(data, np.uint8).copy()
    places = random.integers(0, len(changed[:end]), random.integers(1, 9))
    changed[places] ^= random.integers(1, 256, len(places), np.uint8)
    return changed.tobytes()


def _inserted(data: bytes, random) -> bytes:
    place = random.integers(0, len(data))
    return data[:place] + random.bytes(random.integers(1, 40)) + data[place:]


def _removed(data: bytes, random) -> bytes:
    first, last = np.sort(random.integers(0, len(data), 2))
    return data[:first] + data[last + 1 :]


def _resized(data: bytes, height: int, width: int) -> bytes:
    """Return the file with another size in its header, its checksum mended."""
    changed = bytearray(data)
    if data.startswith(_MAGICS[0]):
        frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        changed[frame + 5 : frame + 9] = struct.pack(">HH", height % 65536, width % 65536)
    elif data.startswith(_MAGICS[1]):
        changed[16:24] = struct.pack(">II", width, height)
        changed[29:33] = struct.pack(">I", zlib.crc32(changed[12:29]))
    elif data.startswith(b"GIF8"):
        changed[6:10] = struct.pack("<HH", width % 65536, height % 65536)
    elif data.startswith(b"BM"):
        changed[18:26] = struct.pack("<ii", width, height)
    else:
        shape = data[: data.index(b"\n")].split(b"'shape': ")[1].split(b")")[0]
        changed = data.replace(shape, b"(%d, %d, 3" % (height, width))
    return bytes(changed)


def _huge(data: bytes, random) -> bytes:
    """Return the file with a size that no limit allows: at least 400 million pixels."""
    return _resized(data, *map(int, random.integers(20_000, 65_536, 2)))


def _odd_npy(data: bytes, random) -> bytes:
    """Return an array that is no image: its values, type, order or shape, or objects."""
    array = random.random((6, 5, 3))
    odd = [
        lambda: _npy(array * 300),
        lambda: _npy(array - 0.5),
        lambda: _npy(np.where(array > 0.9, np.nan, array)),
        lambda: _npy(np.where(array > 0.9, np.inf, array)),
        lambda: _npy((array * 900).astype(np.int32)),
        lambda: _npy(array.astype(">f4")),
        lambda: _npy(array.astype(np.complex64)),
        lambda: _npy(array.astype("S3")),
        lambda: _npy(array[0, 0]),
        lambda: _npy(array[..., :2]),
        lambda: _npy(array[np.newaxis]),
        lambda: _npy(array[:0]),
        lambda: _npy(np.float32(0.5)),
        lambda: _npy(np.array([{"a": 1}, print], object), allow_pickle=True),
        lambda: _npy(np.zeros(3, [("x", "<f4"), ("y", "<i4")])),
        lambda: _npy(array).replace(b"(6, 5, 3)", b"(-6, 5, 3)"),
        lambda: _npy(array).replace(b"(6, 5, 3)", b"(9223372036854775807, 9, 3)"),
        lambda: _npy(array).replace(b"'shape': (6, 5, 3)", b"'shape': exit(3)"),
        lambda: _MAGICS[4] + struct.pack("<H", 65535) + b"{" * 70_000,
    ]
    return odd[random.integers(len(odd))]()


# Category -> (what becomes of a good file, whether that is certainly no image).
CHANGES: dict[str, tuple[Callable[[bytes, np.random.Generator], bytes], bool]] = {
    "untouched": (lambda data, random: data, False),
    "bytes behind the end": (lambda data, random: data + random.bytes(50), False),
    "truncated": (_cut, False),
    "bytes changed": (_flipped, False),
    "header changed": (lambda data, random: _flipped(data, random, 64), False),
    "bytes inserted": (_inserted, False),
    "bytes removed": (_removed, False),
    "another size": (
        lambda data, random: _resized(data, *map(int, random.integers(1, 2000, 2))),
        False,
    ),
    "another format's start": (
        lambda data, random: (
            _MAGICS[random.integers(len(_MAGICS))] + data[random.integers(2, 12) :]
        ),
        False,
    ),
    "huge size": (_huge, True),
    "no image array": (_odd_npy, True),
    "start alone": (
        lambda data, random: (
            _MAGICS[random.integers(len(_MAGICS))] + random.bytes(random.integers(0, 400))
        ),
        True,
    ),
    "another file": (
        lambda data, random: _OTHER_STARTS[random.integers(len(_OTHER_STARTS))] + random.bytes(200),
        True,
    ),
    "random bytes": (lambda data, random: random.bytes(random.integers(1, 3000)), True),
    "empty": (lambda data, random: b"", True),
}


def good_file(random: np.random.Generator) -> tuple[str, bytes]:
    """Return the kind and the bytes of a good file."""
    kind = list(KINDS)[random.integers(len(KINDS))]
    pixels = _photo(random)
    return kind, KINDS[kind](pixels, Image.fromarray(pixels))


def make_case(random: np.random.Generator) -> tuple[str, str, bytes]:
    """Return category, kind of the file it is made from, and bytes of a random case."""
    category = list(CHANGES)[random.integers(len(CHANGES))]
    kind, data = good_file(random)
    return category, kind, CHANGES[category][0](data, random)


def reference(data: bytes, max_pixels: int) -> np.ndarray | None:
    """Return what PIL or NumPy read, float32 [h, w, 3] in [0, 1], or None where they refuse.

    Args:
        data: bytes of a file.
        max_pixels: larger images count as refused.
    """
    try:
        if data.startswith(b"\x93NUMPY"):
            return _image_of_array(np.load(io.BytesIO(data), allow_pickle=False), max_pixels)
        image = Image.open(io.BytesIO(data), formats=_PIL_FORMATS)
        if image.width * image.height > max_pixels:
            return None
        image.load()
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.float32) / 255
    except Exception:  # decoders raise anything on such bytes; every one of them is a refusal
        return None


def _image_of_array(array: np.ndarray, max_pixels: int) -> np.ndarray | None:
    """Return an array as an image by the rules of `mtl_lowres.data.npy`, stated here anew."""
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        return None
    kind = array.dtype.str
    if kind[0] == ">" or kind[1:] not in ("u1", "u2", "i1", "i2", "i4", "i8", "f4", "f8"):
        return None
    if array.shape[0] * array.shape[1] > max_pixels:
        return None
    largest = {"u1": 255, "u2": 65535, "f4": 1, "f8": 1}.get(kind[1:], 255)
    slack = 1e-3 if kind[1] == "f" else 0
    if not (array.min() >= -slack and array.max() <= largest + slack):
        return None
    colours = array[..., :3] if array.shape[2] > 1 else np.repeat(array, 3, axis=2)
    return np.clip(colours.astype(np.float32) / largest, 0, 1)
