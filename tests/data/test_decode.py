"""decode_image against PIL, for every format."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mtl_lowres.data.decode import decode_image, decode_near_size
from tests.ugly_files import animated_gif, encode, exif_rotated, photo


def by_pil(contents, mode="RGB"):
    """The reference: PIL's pixels, turned by EXIF, without alpha."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(contents)))
    return np.asarray(image.convert(mode).convert("RGB"))


def levels(image):
    """Float pixels as 0..255; checks on the way that they are whole and in range."""
    image = np.asarray(image)
    assert image.dtype == np.float32
    scaled = image.astype(np.float64) * 255
    np.testing.assert_allclose(scaled, np.rint(scaled), atol=1e-4)
    return np.rint(scaled).astype(int)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(48, 64), (1, 1), (7, 13)])
def test_common_files_are_as_in_pil(kind, mode, size):
    contents = encode(photo(*size).convert(mode), kind)
    np.testing.assert_allclose(levels(decode_image(contents)), by_pil(contents), atol=1)


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"quality": 30}])
def test_jpeg_pixels_are_exactly_those_of_pil(options):
    contents = encode(photo(), "JPEG", **options)
    np.testing.assert_array_equal(levels(decode_image(contents)), by_pil(contents))


@pytest.mark.parametrize("length", [100, 3000, 40_000])
def test_orientation_behind_another_segment(length):
    """A colour profile before EXIF, shorter and longer than the header of a plain JPEG."""
    contents = exif_rotated(photo(9, 11), 6)
    profile = b"\xff\xe2" + struct.pack(">H", length + 2) + b"\xff\xda\0" * (length // 3)
    profile += b"\0" * (length % 3)
    contents = contents[:2] + profile + contents[2:]
    np.testing.assert_array_equal(levels(decode_image(contents)), by_pil(contents))


def test_reduced_decoding_of_a_turned_jpeg():
    contents = exif_rotated(photo(70, 90), 8)
    assert decode_near_size(contents, (4, 4)).shape == (12, 9, 3)
    assert decode_near_size(contents, (16, 16)).shape == (45, 35, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
def test_png_palette_and_alpha(mode):
    image = photo()
    if mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    contents = encode(image.convert(mode), "PNG")
    reference = by_pil(contents, "LA" if mode == "LA" else "RGBA" if mode == "RGBA" else "RGB")
    np.testing.assert_array_equal(levels(decode_image(contents)), reference)


def test_png_with_16_bits_keeps_them():
    deep = np.arange(0, 65536, 16, dtype="uint16").reshape(64, 64)
    decoded = decode_image(encode(Image.fromarray(deep), "PNG")).numpy()
    np.testing.assert_allclose(decoded[..., 1], deep / 65535, atol=1e-7)
    assert len(np.unique(decoded)) == deep.size


@pytest.mark.parametrize("transform", [0, 2])
def test_cmyk_jpeg_has_the_colours_of_pil(transform):
    """Inverted CMYK as Adobe writes it, and the same data declared as YCCK."""
    contents = bytearray(encode(photo().convert("CMYK"), "JPEG", quality=95))
    contents[contents.index(b"Adobe") + 11] = transform
    np.testing.assert_array_equal(levels(decode_image(bytes(contents))), by_pil(contents))


def test_bmp_with_palette_from_below_and_from_above():
    image = photo().quantize(16)
    contents = encode(image, "BMP")
    np.testing.assert_array_equal(levels(decode_image(contents)), by_pil(contents))
    pixels = by_pil(encode(photo(), "BMP"))
    flipped = bytearray(encode(Image.fromarray(pixels[::-1]), "BMP"))
    flipped[22:26] = struct.pack("<i", -pixels.shape[0])  # negative height: rows from above
    np.testing.assert_array_equal(levels(decode_image(bytes(flipped))), pixels)


def test_bmp_with_32_bits_drops_alpha():
    contents = encode(photo().convert("RGBA"), "BMP")
    np.testing.assert_array_equal(levels(decode_image(contents)), by_pil(contents))


def test_gif_gives_its_first_frame():
    contents = animated_gif()
    np.testing.assert_array_equal(levels(decode_image(contents)), by_pil(contents))


def test_gif_ignores_what_follows_the_first_frame():
    contents = animated_gif()
    controls = [at for at in range(len(contents)) if contents.startswith(b"\x21\xf9\x04", at)]
    assert len(controls) == 3
    broken = contents[: controls[1] + 8] + b"\xff" * 40
    np.testing.assert_array_equal(levels(decode_image(broken)), by_pil(contents))


def test_gif_frame_smaller_than_the_canvas_keeps_its_place():
    """A frame of 1x1 white at row 2, column 3 of a 5x6 canvas (height x width), by hand."""
    screen = struct.pack("<HHBBB", 6, 5, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 3, 2, 1, 1, 0) + b"\x02\x02\x4c\x01\0"
    expected = np.zeros((5, 6, 3))
    expected[2, 3] = 255
    np.testing.assert_array_equal(levels(decode_image(b"GIF89a" + screen + frame + b";")), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(orientation, kind):
    contents = exif_rotated(photo(), orientation, kind)
    np.testing.assert_array_equal(levels(decode_image(contents)), by_pil(contents))


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("damage", [None, "value 9", "cut", "offset", "count"])
def test_exif_of_either_byte_order_and_broken_exif(order, damage):
    """A segment written by hand; broken metadata does not make a bad image."""
    mark = "<" if order == "little" else ">"
    offset = 0xFFFFFFF0 if damage == "offset" else 8
    count = 60000 if damage == "count" else 2
    value = 9 if damage == "value 9" else 3
    tiff = b"II*\0" if order == "little" else b"MM\0*"
    tiff += struct.pack(mark + "IH", offset, count)
    tiff += struct.pack(mark + "HHIHH", 0x0100, 3, 1, 7, 0)
    tiff += struct.pack(mark + "HHIHH", 0x0112, 3, 1, value, 0)
    body = b"Exif\0\0" + (tiff[:12] if damage == "cut" else tiff)
    plain = encode(photo(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    turned = levels(decode_image(plain[:2] + segment + plain[2:]))
    upright = by_pil(plain)
    expected = upright[::-1, ::-1] if damage in (None, "count") else upright
    np.testing.assert_array_equal(turned, expected)


def test_reduce():
    contents = encode(photo(50, 70), "JPEG", quality=100)
    reduced = decode_image(contents, reduce=4).numpy()
    assert reduced.shape == (13, 18, 3)
    averaged = cv2.resize(by_pil(contents), (18, 13), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced * 255 - averaged).mean() < 4
    assert decode_image(encode(photo(50, 70), "PNG"), reduce=4).shape == (50, 70, 3)
    with pytest.raises(ValueError, match="3"):
        decode_image(contents, reduce=3)


@pytest.mark.parametrize(
    ("size", "height"),
    [((25, 25), 50), ((24, 12), 50), ((12, 12), 25), ((3, 3), 7), ((16, None), 50)],
)
def test_decode_near_size_leaves_at_least_twice_the_target(size, height):
    assert decode_near_size(encode(photo(50, 90), "JPEG"), size).shape[0] == height
    assert decode_near_size(encode(photo(50, 90), "PNG"), size).shape[0] == 50
