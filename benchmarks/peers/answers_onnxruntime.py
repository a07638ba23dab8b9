"""Worker: the same network in ONNX Runtime. Arguments: the folder of a network, threads."""

import functools
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from worker import seconds_a_call, serve

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
path = str(folder / "network.onnx")
samples = np.load(folder / "samples.npy")
first = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
name, free_dimension = first.get_inputs()[0].name, first.get_inputs()[0].shape[0]
outputs = [output.name for output in first.get_outputs()]


@functools.cache
def session(batch: int) -> onnxruntime.InferenceSession:
    """Return the network for one batch size, which lets more be planned ahead."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_free_dimension_override_by_name(free_dimension, batch)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answers(file: str) -> None:
    """Write the answers to all samples."""
    found = session(len(samples)).run(outputs, {name: samples})
    np.savez(file, **dict(zip(outputs, found, strict=True)))


def seconds(batch: int, calls: int) -> float:
    """Return the median time of a call, from an array to arrays."""
    network, inputs = session(batch), samples[:batch]
    return seconds_a_call(lambda: network.run(outputs, {name: inputs}), calls)


serve({"answers": answers, "seconds": seconds})
