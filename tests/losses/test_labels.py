import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.losses.labels import to_distribution, to_index

ONE_HOT = [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_class_indices(dtype, shape):
    labels = np.array([2, 0], dtype).reshape(shape)
    np.testing.assert_array_equal(to_distribution(labels, 3), ONE_HOT)
    np.testing.assert_array_equal(to_index(labels), [2, 0])


def test_distributions():
    labels = np.array([[0.2, 0.3, 0.5], [0.8, 0.2, 0.0]])
    np.testing.assert_allclose(to_distribution(labels, 3), labels)
    np.testing.assert_array_equal(to_index(labels), [2, 0])


def test_integer_one_hot():
    result = to_distribution(np.array(ONE_HOT), 3)
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, ONE_HOT)


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("graph", [False, True])
def test_an_index_out_of_range_is_an_error(label, graph):
    function = tf.function(to_distribution) if graph else to_distribution
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be in \[0, 3\)"):
        function(tf.constant([0, label]), 3)


def test_a_distribution_of_another_length_is_an_error():
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        to_distribution(np.ones([2, 4]), 3)
