"""Arrays in .npy files as images."""

import numpy as np
import pytest

from mtl_lowres.data.decode import decode_image
from tests.ugly_files import assert_bad, npy


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "int64", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3), (5, 4, 4)])
def test_npy(dtype, shape):
    array = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    if dtype[0] != "f":
        array = np.rint(array * (65535 if dtype == "uint16" else 255))
    full_scale = {"uint16": 65535, "f4": 1, "f8": 1}.get(dtype, 255)
    array = array.astype(dtype)
    expected = np.broadcast_to(array.reshape(5, 4, -1)[..., :3] / full_scale, (5, 4, 3))
    for layout in (array, np.asfortranarray(array)):
        np.testing.assert_allclose(decode_image(npy(layout)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((2, 2), 1.5), "floats must lie in"),
        (np.full((2, 2), np.nan), "floats must lie in"),
        (np.full((2, 2), -1), "signed integers must lie in 0..255"),
        (np.full((2, 2), 300), "signed integers must lie in 0..255"),
        (np.zeros((2, 2), "complex64"), "cannot read .npy values of type"),
        (np.zeros((2, 2), ">u2"), "cannot read .npy values of type"),
        (np.array([[None]]), "cannot read .npy values of type"),
        (np.zeros((2, 2), "u1,u1"), "no plain array"),
        (np.zeros(4), "shape"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros((2, 2, 3, 1)), "shape"),
        (np.zeros((0, 3)), "no pixels"),
    ],
)
def test_npy_that_is_no_image_is_bad(array, reason):
    assert_bad(npy(array), reason)


def test_npy_that_claims_more_than_it_has_is_bad():
    contents = npy(np.zeros((48, 64), "uint8"))
    assert_bad(contents[:-1], "truncated")
    for claim in ["(999999999999, 9)", "(99999999999999999999, 9)", "(3037000500, 3037000500)"]:
        assert_bad(contents.replace(b"(48, 64)", claim.encode()))
