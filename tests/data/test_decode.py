"""decode_image against PIL, and what happens to everything that is not a sound image."""

import io
import struct

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from mtl_lowres.data.decode import decode_image, decode_near_size, explain, tolerant_map
from tests.ugly_files import (
    animated_gif,
    assert_bad,
    encode,
    exif_rotated,
    huge_headers,
    npy,
    photo,
    ugly_contents,
    write_ugly_files,
)

UGLY = ugly_contents()
BYTES = [contents for contents, _ in UGLY.values()]
DECODES = np.array([decodes for _, decodes in UGLY.values()])


def decode_tiny(contents):
    return tf.image.resize(decode_image(contents), [1, 1])


def eagerly(batch):
    return tolerant_map(decode_tiny, batch, [1, 1, 3])


def in_function(batch):
    return tf.function(eagerly, input_signature=[tf.TensorSpec([None], tf.string)])(batch)


def in_dataset(batch):
    return tf.data.Dataset.from_tensors(batch).map(eagerly).get_single_element()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("exported"))
    module = tf.Module()
    module.decode = tf.function(eagerly, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, folder)
    return tf.saved_model.load(folder).decode


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


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [(28, b"\x10\0", "16 bits a pixel"), (30, b"\1\0\0\0", "compressed BMP"), (14, b"\x0c", "BMP")],
)
def test_unsupported_bmp_is_bad(position, value, reason):
    contents = bytearray(encode(photo(), "BMP"))
    contents[position : position + len(value)] = value
    assert_bad(bytes(contents), reason.replace(" ", ".*"))


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


@pytest.mark.parametrize("kind", ["jpg", "png", "gif", "bmp", "npy"])
def test_size_is_checked_before_decoding(kind):
    """The body is that of a small image: only a check of the header finds this reason."""
    assert_bad(huge_headers()[kind], r"(?s)\[30000\].*above the limit")
    small = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "bmp": "BMP"}.get(kind)
    contents = encode(photo(), small) if small else npy(np.zeros((48, 64), "uint8"))
    assert decode_image(contents, max_pixels=48 * 64).shape == (48, 64, 3)
    assert_bad(contents, "above the limit", max_pixels=48 * 64 - 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "npy"])
def test_every_truncation_is_bad(kind, exported):
    whole = npy(np.zeros((12, 9), "u1")) if kind == "npy" else encode(photo(12, 9), kind)
    cuts = range(0, len(whole) - 1, max(1, len(whole) // 60))
    _, ok = exported(tf.constant([whole[:cut] for cut in cuts]))
    assert not ok.numpy().any()


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


def test_explain_names_every_ugly_file(tmp_path):
    folder = tmp_path / "häßlich 像"
    reasons = {
        name: (explain(folder / name), decodes)
        for name, decodes in write_ugly_files(folder).items()
    }
    for name, (reason, decodes) in reasons.items():
        assert (reason is None) == decodes, name
    assert reasons["truncated.jpg"][0] == "truncated JPEG"
    assert reasons["zero_bytes.jpg"][0] == "empty file (0 bytes)"
    assert reasons["text.png"][0] == "not an image: starts with b'hello, I am no i'"
    assert reasons["missing.jpg"][0] == "no such file"
    for kind in huge_headers():
        expected = "30000 x 30000 pixels is above the limit of 50000000"
        assert reasons[f"huge_header.{kind}"][0] == expected
    assert explain(folder) == "not a regular file"


@pytest.mark.parametrize("way", [eagerly, in_function, in_dataset, None])
def test_tolerant_map_is_the_same_everywhere(way, exported):
    images, ok = (way or exported)(tf.constant(BYTES))
    np.testing.assert_array_equal(ok, DECODES)
    for image, contents, decodes in zip(images, BYTES, DECODES, strict=True):
        expected = decode_tiny(contents) if decodes else np.zeros([1, 1, 3])
        np.testing.assert_array_equal(image, expected)
    images, ok = (way or exported)(tf.constant([], tf.string))
    assert images.shape == (0, 1, 1, 3) and ok.shape == (0,)


def test_tolerant_map_takes_tuples_and_types():
    def divide(pair):
        with tf.control_dependencies([tf.debugging.Assert(pair[1] != 0, ["zero"])]):
            return tf.stack([pair[0] // pair[1]])

    values, ok = tolerant_map(divide, (tf.constant([8, 7]), tf.constant([2, 0])), [1], tf.int32)
    np.testing.assert_array_equal(values, [[4], [0]])
    np.testing.assert_array_equal(ok, [True, False])


def test_tolerant_map_rejects_another_shape():
    images, ok = tolerant_map(
        decode_image, tf.constant([encode(photo(h, 4), "PNG") for h in (4, 5, 4)]), [4, 4, 3]
    )
    np.testing.assert_array_equal(ok, [True, False, True])
    with pytest.raises(ValueError, match="fully known"):
        tolerant_map(decode_image, tf.constant([b""]), [None, 4, 3])


def mutated(contents, rng):
    """The bytes with up to eight of them changed, or a piece cut out or doubled."""
    data = bytearray(contents)
    start, length = rng.integers(len(data)), rng.integers(1, 20)
    match rng.integers(4):
        case 0:
            del data[start : start + length]
        case 1:
            data[start:start] = data[start : start + length]
        case 2:
            for place in rng.integers(0, len(data), 8):
                data[place] = rng.integers(256)
        case 3:
            data[rng.integers(min(64, len(data)))] = rng.integers(256)
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "npy", "EXIF"])
def test_mutated_files_harm_no_neighbour(kind, exported):
    rng = np.random.default_rng(0)
    sound = {
        "npy": lambda: npy(np.asarray(photo(9, 11))),
        "EXIF": lambda: exif_rotated(photo(9, 11), 6),
        "GIF": animated_gif,
    }.get(kind, lambda: encode(photo(9, 11), kind))()
    batch = [mutated(sound, rng) for _ in range(100)]
    batch[::10] = [sound] * 10
    images, ok = exported(tf.constant(batch))
    assert ok.numpy()[::10].all()
    for image in images.numpy()[::10]:
        np.testing.assert_array_equal(image, decode_tiny(sound))
    assert np.isfinite(images).all()
    assert (images.numpy()[~ok.numpy()] == 0).all()
