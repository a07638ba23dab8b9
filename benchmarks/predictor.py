"""What does `mtl_lowres.Predictor` cost beside the bare runtime that it wraps, in time and memory?

    python benchmarks/predictor.py

LowNet (16x16x3, 38 classes) and the demo's network of four tasks (12 frames of 16x16), each as a
run, as a SavedModel and as a float32 TensorFlow Lite file. Asked for one sample at a time, on one
thread, in turns within one process. Bare is

- of a run: the Keras model's `tf.function`, called with a constant tensor, and `.numpy()` of every
  output; or, faster, its one graph (`get_concrete_function`), called likewise;
- of a SavedModel: the signature `serving_default`, called likewise, and `.numpy()` of every output;
- of a TensorFlow Lite file: the interpreter's set_tensor, invoke and get_tensor of every output.

The predictor's time holds what it adds: it checks the sample's shape, type and range, makes the
tensor, finds the class and its name. Both must answer the same. The goal is 1.1 times the bare
time. Then each predictor is called 100,000 times, and resident memory is compared with that after
the first thousand calls; the goal is 5 MB. `--quick` takes about a minute.

Measured on two cores of an EPYC, 2026-11-22, ratios of the time to bare (to the one graph, for a
run): LowNet 0.84, 0.78 and 1.12 as run, SavedModel and TensorFlow Lite; four tasks 0.78, 0.76 and
1.13, in a slow hour; in a quicker one 1.04 and 1.09 with TensorFlow Lite. Memory grew by 0.0 MB
three times for LowNet, and by 0.05, 0.2 and 0.0 MB for the four tasks.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
import tensorflow as tf
from networks import LOWNET, noise_clips, noise_images, untrained
from side_by_side import conclude, medians

import mtl_lowres as mtl
from mtl_lowres.demo import FOUR_TASKS
from mtl_lowres.serving.tflite import export_tflite

_FIRST_CALLS = 1000
_PAGE = os.sysconf("SC_PAGE_SIZE")


def networks(folder: Path) -> dict[str, mtl.model.MultiTaskModel]:
    """Return LowNet and the network of four tasks, with random weights."""
    images, clips = noise_images(folder / "images", 38), noise_clips(folder / "clips", 80)
    return {"LowNet": untrained(LOWNET, images), "four tasks": untrained(FOUR_TASKS, clips)}


def bare_function(folder: Path, sample: np.ndarray) -> Callable:
    """Return a call of the Keras model's traced function."""
    function, constant = mtl.load_model(folder).forward, tf.constant(sample)
    return lambda: {name: output.numpy() for name, output in function(constant).items()}


def bare_graph(folder: Path, sample: np.ndarray) -> Callable:
    """Return a call of the one graph of that function."""
    model, constant = mtl.load_model(folder), tf.constant(sample)
    graph = model.forward.get_concrete_function()
    return lambda model=model: {name: v.numpy() for name, v in graph(constant).items()}


def bare_saved_model(folder: Path, sample: np.ndarray) -> Callable:
    """Return a call of the signature for floats."""
    loaded = tf.saved_model.load(str(folder / "1"))
    function = loaded.signatures["serving_default"]
    inputs = {name: tf.constant(sample) for name in function.structured_input_signature[1]}
    return lambda loaded=loaded: {name: v.numpy() for name, v in function(**inputs).items()}


def bare_lite(path: Path, sample: np.ndarray) -> Callable:
    """Return a run of the interpreter."""
    interpreter = tf.lite.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_signature_runner().get_output_details()
    outputs = [(name, detail["index"]) for name, detail in details.items()]
    place = interpreter.get_input_details()[0]["index"]

    def call():
        interpreter.set_tensor(place, sample)
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in outputs}

    return call


def pairs(model, folder: Path, sample: np.ndarray) -> Iterator[tuple[str, Callable, Callable]]:
    """Yield each kind of source, the predictor's call and the bare one."""
    mtl.save_model(model, folder / "run" / "model")
    mtl.export(model, folder / "export")
    export_tflite(model, folder / "lite", sample, ["float32"])
    lite = folder / "lite" / "float32.tflite"
    for kind, source, bare in (
        ("run", folder / "run", bare_function),
        ("run, its graph", folder / "run", bare_graph),
        ("SavedModel", folder / "export", bare_saved_model),
        ("TensorFlow Lite", lite, bare_lite),
    ):
        predictor, call = mtl.Predictor(source), bare(source, sample)
        check_same(predictor(sample), call())
        yield kind, lambda predictor=predictor: predictor(sample), call


def check_same(answers: dict, expected: dict) -> None:
    """Check that answers of the same name are equal; a run's bare outputs have other names."""
    for name, values in expected.items():
        found = answers.get(name, answers.get(f"{name}_probabilities"))
        if found is not None and values.dtype.kind == "f":
            np.testing.assert_allclose(found, values, atol=1e-5)


def seconds_of(call: Callable, count: int) -> Callable[[], float]:
    """Return what measures the mean time of a call among `count`."""

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - start) / count

    return measure


def growth(call: Callable, calls: int) -> float:
    """Return by how many MB resident memory grows from the first thousand calls to the last."""
    for _ in range(_FIRST_CALLS):
        call()
    before = resident()
    for _ in range(calls - _FIRST_CALLS):
        call()
    return (resident() - before) / 1e6


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def main() -> None:
    """Measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=41, help="turns")
    parser.add_argument("--count", type=int, default=50, help="calls a turn")
    parser.add_argument("--calls", type=int, default=100_000, help="for memory; 0 leaves it out")
    parser.add_argument("--only", choices=["LowNet", "four tasks"], help="one of the networks")
    parser.add_argument("--quick", action="store_true", help="11 turns, and 3,000 calls for memory")
    parser.add_argument("--json", default="bench/predictor.json")
    options = parser.parse_args()
    repeats, calls = (11, 3000) if options.quick else (options.repeats, options.calls)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model in networks(Path(folder)).items():
            if options.only not in (None, name):
                continue
            shape = (1, *model.description["input_shape"])
            sample = np.random.default_rng(0).random(shape, np.float32)
            for kind, ours, bare in pairs(model, Path(folder) / name, sample):
                actions = {"ours": ours, "bare": bare}
                measures = {side: seconds_of(c, options.count) for side, c in actions.items()}
                times = medians(measures, repeats)
                rows.append(
                    {
                        "network": name,
                        "source": kind,
                        "bare_us": 1e6 * times["bare"],
                        "predictor_us": 1e6 * times["ours"],
                        "ratio": times["ours"] / times["bare"],
                    }
                )
                if calls and kind != "run, its graph":  # the same predictor as above
                    rows[-1]["growth_mb"] = growth(ours, calls)
                print(rows[-1], flush=True)
    conclude(rows, {"repeats": repeats, "count": options.count, "calls": calls}, options.json)


if __name__ == "__main__":
    main()
