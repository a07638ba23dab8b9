"""inline_map gives what Dataset.map gives."""

import pytest
import tensorflow as tf

from mtl_lowres.data.inline_map import inline_map


def numbers(dataset):
    return [tf.nest.map_structure(lambda part: part.numpy().tolist(), row) for row in dataset]


@pytest.mark.parametrize("parallel_calls", [None, 2, tf.data.AUTOTUNE])
def test_inline_map_is_map(parallel_calls):
    factor = tf.constant(3)  # captured, not an argument
    pairs = tf.data.Dataset.from_tensor_slices((tf.range(20), tf.range(20) * 10))

    def combine(x, y):
        return x + y * factor, tf.stack([x, y])

    mapped = inline_map(pairs, combine, parallel_calls)
    assert mapped.element_spec == pairs.map(combine).element_spec
    assert numbers(mapped) == numbers(pairs.map(combine))


@pytest.mark.parametrize("parallel_calls", [None, 2])
def test_branches_and_loops_are_allowed(parallel_calls):
    dataset = tf.data.Dataset.range(5)

    def halve(x):
        x = tf.cond(x > 2, lambda: x * 10, lambda: x)
        return tf.while_loop(lambda x: x > 5, lambda x: [x // 2], [x])[0]

    mapped = inline_map(dataset, tf.function(halve), parallel_calls)
    assert numbers(mapped) == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("parallel_calls", [None, 2])
def test_an_element_that_fails_can_be_left_out(parallel_calls):
    def at_least_two(x):
        with tf.control_dependencies([tf.debugging.Assert(x >= 2, ["small"])]):
            return tf.identity(x)

    mapped = inline_map(tf.data.Dataset.range(4), at_least_two, parallel_calls)
    assert numbers(mapped.ignore_errors()) == [2, 3]
