"""Worker: the same network in OpenVINO. Arguments: the folder of a network, threads."""

import functools
import sys
from pathlib import Path

import numpy as np
import openvino
from worker import seconds_a_call, serve

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
samples = np.load(folder / "samples.npy")
core = openvino.Core()
network = core.read_model(folder / "network.onnx")
# Once compiled, an output may have names of operations beside its own.
outputs = [output.any_name for output in network.outputs]
_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": threads,
    "INFERENCE_PRECISION_HINT": "f32",
    "NUM_STREAMS": 1,
}


@functools.cache
def request(batch: int) -> openvino.InferRequest:
    """Return the network for one batch size; a free one is slower."""
    network.reshape((batch, *samples.shape[1:]))
    return core.compile_model(network, "CPU", _SETTINGS).create_infer_request()


def answers(file: str) -> None:
    """Write the answers to all samples."""
    found = request(len(samples)).infer([samples])
    np.savez(file, **{name: found[place] for place, name in enumerate(outputs)})


def seconds(batch: int, calls: int) -> float:
    """Return the median time of a call, from an array to arrays."""
    compiled, inputs = request(batch), samples[:batch]
    return seconds_a_call(
        lambda: compiled.infer([inputs], share_inputs=True, share_outputs=True), calls
    )


serve({"answers": answers, "seconds": seconds})
