"""What happens to everything that is not a sound image, alone and among others."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.decode import decode_image, explain, tolerant_map
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


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (28, b"\x10\0", "16 bits a pixel"),
        (30, b"\1\0\0\0", "compressed BMP"),
        (14, b"\x0c", "header of this length"),
        (14, b"\x29", "header of this length"),
    ],
)
def test_unsupported_bmp_is_bad(position, value, reason):
    contents = bytearray(encode(photo(), "BMP"))
    contents[position : position + len(value)] = value
    assert_bad(bytes(contents), reason.replace(" ", ".*"))


@pytest.mark.parametrize("version", [b"88a", b"89b"])
def test_unknown_version_of_gif_is_bad(version):
    assert_bad(encode(photo(), "GIF").replace(b"87a", version, 1), "neither.*87a.*nor.*89a")


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
