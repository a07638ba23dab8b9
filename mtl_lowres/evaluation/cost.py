"""What a model costs: parameters, multiply-adds and time.

Multiply-adds are counted in the graph of one forward call for one sample: convolutions and matrix
products, those within a loop (an LSTM's) as often as it runs. Element-wise work, normalisation and
pooling are not counted, as is usual.
"""

import math
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError

_WARM_UP = 10
_LOOPS = ("While", "StatelessWhile")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_BRANCHES = ("If", "StatelessIf")


def parameters(model: tf.keras.Model) -> int:
    """Return the number of weights, trained or not, each once."""
    return model.count_params()


def multiply_adds(model: tf.keras.Model) -> int:
    """Return the multiply-adds of one forward call for one sample.

    Args:
        model: its input shapes are known but for the batch.

    Raises:
        InputError: if a shape or the number of steps of a loop is not known beforehand.

    Example:
        >>> multiply_adds(build_model("lownet", {"posture": Posture(38)}, (16, 16, 3)))
        9931136
    """
    specs = tf.nest.map_structure(
        lambda tensor: tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype), model.input
    )
    call = tf.function(lambda inputs: model(inputs, training=False))
    return _count_graph(call.get_concrete_function(specs).graph, {})


def latency(model: tf.keras.Model, batch_size: int = 1, repeats: int = 200) -> float:
    """Return the median time in seconds of one traced forward call.

    Args:
        model: its input shapes are known but for the batch.
        batch_size: samples a call.
        repeats: calls that are timed, after a few that are not.
    """
    rng = np.random.default_rng(0)
    inputs = tf.nest.map_structure(
        lambda tensor: tf.constant(rng.random((batch_size, *tensor.shape[1:])), tensor.dtype),
        model.input,
    )
    call = tf.function(lambda inputs: model(inputs, training=False))
    seconds = []
    for _ in range(_WARM_UP + repeats):
        started = time.perf_counter()
        tf.nest.map_structure(lambda tensor: tensor.numpy(), call(inputs))
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[_WARM_UP:]))


def _count_graph(graph: tf.Graph, known: dict[int, np.ndarray]) -> int:
    """Return the multiply-adds of a graph; `known` holds inputs whose value the caller knows."""
    return sum(_count_operation(operation, known) for operation in _needed(graph.outputs))


def _needed(outputs: Sequence[tf.Tensor]) -> list[tf.Operation]:
    """Return the operations that TensorFlow runs for some outputs.

    Keras traces an extra step before each loop for the shape of its result, which never runs.
    """
    found, waiting = {}, [tensor.op for tensor in outputs]
    while waiting:
        operation = waiting.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            if operation.type != "Shape":
                waiting.extend(tensor.op for tensor in operation.inputs)
    return list(found.values())


def _count_operation(operation: tf.Operation, known: dict) -> int:
    if operation.type in _PRODUCTS:
        shapes = [tensor.shape for tensor in (*operation.inputs, *operation.outputs)]
        known_ranks = all(shape.rank is not None for shape in shapes)
        count = _PRODUCTS[operation.type](operation) if known_ranks else None
        if count is None:
            raise InputError(
                f"operation {operation.name} has a shape that depends on its input: build the "
                "model for a fixed input shape to count its multiply-adds"
            )
        return count
    if operation.type in _LOOPS:
        body, _ = _function(operation, "body", operation.inputs, known)
        return _loop_steps(operation, known) * _count_graph(body, {})
    if operation.type in _CALLS:
        return _count_graph(*_function(operation, "f", operation.inputs, known))
    if operation.type in _BRANCHES:
        branches = ("then_branch", "else_branch")
        arguments = operation.inputs[1:]
        return max(_count_graph(*_function(operation, b, arguments, known)) for b in branches)
    return 0


def _function(operation, attribute: str, arguments, known: dict) -> tuple[tf.Graph, dict]:
    """Return the graph of a function that an operation calls, and the values known in it."""
    graph = operation.graph._get_function(operation.get_attr(attribute).name).graph
    values = [_value(argument, known) for argument in arguments]
    inside = zip(graph.inputs, values, strict=True)
    return graph, {id(tensor): value for tensor, value in inside if value is not None}


def _value(tensor: tf.Tensor, known: dict) -> np.ndarray | None:
    """Return the value of a tensor that does not depend on the input, else None."""
    if id(tensor) in known:
        return known[id(tensor)]
    if tensor.op.type == "StridedSlice" and tensor.shape.rank == 0:  # one side of a shape
        sides, position = (_value(source, known) for source in tensor.op.inputs[:2])
        return None if sides is None or position is None else sides[position[0]]
    return tf.get_static_value(tensor)


def _loop_steps(operation: tf.Operation, known: dict) -> int:
    """Return how often a loop runs, from its condition `counter < limit`."""
    condition, inside = _function(operation, "cond", operation.inputs, known)
    limits = []
    for comparison in condition.get_operations():
        if comparison.type == "Less":
            start, limit = (_value(tensor, inside) for tensor in comparison.inputs)
            if start is not None and limit is not None and limit >= 0:
                limits.append(int(limit) - int(start))
    if not limits:
        raise InputError(
            f"loop {operation.name} runs as often as its input says: build the model for a fixed "
            "number of steps to count its multiply-adds"
        )
    return max(min(limits), 0)


def _elements(*sizes: int | None) -> int | None:
    return None if None in sizes else math.prod(sizes)


def _convolution(operation: tf.Operation) -> int | None:
    """Every output takes one product a weight of its filter; the last axis is the filters."""
    return _elements(*operation.outputs[0].shape, *operation.inputs[1].shape[:-1])


def _transposed_convolution(operation: tf.Operation) -> int | None:
    """As a convolution from the output back to the input, which is the third argument."""
    return _elements(*operation.inputs[2].shape, *operation.inputs[1].shape[:-1])


def _depthwise_convolution(operation: tf.Operation) -> int | None:
    return _elements(*operation.outputs[0].shape, *operation.inputs[1].shape[:2])


def _matrix_product(operation: tf.Operation) -> int | None:
    transposed = operation.get_attr("transpose_a")
    return _elements(*operation.outputs[0].shape, operation.inputs[0].shape[0 if transposed else 1])


def _batch_matrix_product(operation: tf.Operation) -> int | None:
    adjoint = operation.get_attr("adj_x")
    inner = operation.inputs[0].shape[-2 if adjoint else -1]
    return _elements(*operation.outputs[0].shape, inner)


def _einsum(operation: tf.Operation) -> int | None:
    """One product for each combination of the values of all indices."""
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        sizes |= dict(zip(term, tensor.shape, strict=True))
    return _elements(*sizes.values()) if len(terms) > 1 else 0


_PRODUCTS = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "Conv2DBackpropInput": _transposed_convolution,
    "Conv3DBackpropInputV2": _transposed_convolution,
    "DepthwiseConv2dNative": _depthwise_convolution,
    "MatMul": _matrix_product,
    "BatchMatMulV2": _batch_matrix_product,
    "Einsum": _einsum,
}
