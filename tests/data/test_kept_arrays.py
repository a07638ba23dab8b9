"""keep_arrays and row_reader: what is filled is read back, shared or from files."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.kept_arrays import keep_arrays, row_reader

SPECS = {"images": ((5, 2, 3), np.float32), "ok": ((5,), bool), "numbers": ((5,), np.int64)}


def _fill(arrays):
    arrays["images"][:] = np.arange(30).reshape(5, 2, 3)
    arrays["ok"][:] = [True, False, True, True, False]
    arrays["numbers"][:] = np.arange(5) ** 2


@pytest.mark.parametrize("on_disk", [False, True])
def test_rows_are_those_that_were_filled_in(tmp_path, on_disk):
    arrays = keep_arrays(SPECS, _fill, tmp_path / "kept" if on_disk else None)
    for name in SPECS:
        read = tf.function(row_reader(arrays[name]))
        expected = np.array(arrays[name][[4, 0, 4]])
        np.testing.assert_array_equal(read(tf.constant([4, 0, 4])), expected)
    np.testing.assert_array_equal(arrays["images"][1], [[6, 7, 8], [9, 10, 11]])


def test_memory_is_shared_and_outlives_the_array():
    array = keep_arrays({"images": SPECS["images"]}, lambda arrays: arrays["images"].fill(1))
    read = row_reader(array["images"])
    array["images"][3] = 7  # seen, so there is no copy
    del array
    np.testing.assert_array_equal(read(tf.constant([3, 0]))[:, 0, 0], [7, 1])


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 4), np.float32), np.arange(6)[::2], np.frombuffer(b"abcd", np.uint8)],
    ids=["empty", "strided", "read-only"],
)
def test_arrays_that_cannot_be_shared_are_copied(array):
    rows = row_reader(array)(tf.range(len(array)))
    np.testing.assert_array_equal(rows, array)
