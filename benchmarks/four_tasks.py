"""What does one network for four tasks cost, beside a network for one of them alone?

    python benchmarks/four_tasks.py

The four-task network of the demo (clips of 12 frames, 16x16 pixels) and the four networks of the
same trunk with one head: a training step of 32 clips through `fit`, with augmentation and metrics;
the traced call for one clip and for 64; parameters; and the bytes of the weights on disk and of the
TensorFlow Lite file. All in one process, in turns. A goal is that the four-task network costs at
most 1.3 times as much as the mean of the others, in everything. Three minutes; `--quick` takes one.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import networks
import numpy as np
import tensorflow as tf
from side_by_side import conclude, medians

import mtl_lowres as mtl
from mtl_lowres.demo import FOUR_TASKS
from mtl_lowres.serving.tflite import export_tflite

CLIPS = 512


def training_step(model, batches) -> Callable[[], float]:
    """Return a function that trains two epochs and returns the seconds a step of the second."""
    steps = int(batches.cardinality())
    moments = []
    note = tf.keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: moments.append(time.perf_counter()),
        on_epoch_end=lambda *_: moments.append(time.perf_counter()),
    )

    def run() -> float:
        model.fit(batches, epochs=2, verbose=0, callbacks=[note])
        return (moments[-1] - moments[-2]) / steps

    return run


def call(model, batch: int, calls: int) -> Callable[[], float]:
    """Return a function that returns the median seconds of a traced call."""
    clips = tf.random.uniform((batch, *model.description["input_shape"]), seed=0)

    def run() -> float:
        times = []
        for _ in range(calls):
            started = time.perf_counter()
            model.forward(clips)
            times.append(time.perf_counter() - started)
        return float(np.median(times))

    return run


def sizes(model, folder: Path) -> dict[str, int]:
    """Return parameters and bytes on disk."""
    mtl.save_model(model, folder / "model")
    shape = model.description["input_shape"]
    samples = np.random.default_rng(0).random((1, *shape), np.float32)
    lite = export_tflite(model, folder / "tflite", samples, kinds=["float32"])
    return {
        "parameters": model.count_params(),
        "weights, bytes": (folder / "model" / "weights.npz").stat().st_size,
        "tflite, bytes": lite["float32"]["bytes"],
    }


def measure(folder: Path, clips: int, repeats: int) -> list[dict]:
    """Return a row a quantity: the four-task network, the mean of the others, their ratio."""
    manifest = networks.noise_clips(folder / "clips", clips)
    settings = {"four": FOUR_TASKS} | {task: networks.alone(task) for task in FOUR_TASKS.tasks}
    ready = {name: networks.ready_to_fit(config, manifest) for name, config in settings.items()}
    models = {name: model for name, (model, _) in ready.items()}
    steps = {name: training_step(*pair) for name, pair in ready.items()}
    ones = {name: call(model, 1, 100) for name, model in models.items()}
    many = {name: call(model, 64, 5) for name, model in models.items()}
    for actions in (steps, ones, many):
        medians(actions, 1)  # builds the graphs
    costs = {
        "training step of 32 clips, ms": _milliseconds(medians(steps, repeats)),
        "call of 1 clip, ms": _milliseconds(medians(ones, repeats)),
        "call of 64 clips, ms": _milliseconds(medians(many, repeats)),
    }
    on_disk = {name: sizes(model, folder / name) for name, model in models.items()}
    for quantity in on_disk["four"]:
        costs[quantity] = {name: values[quantity] for name, values in on_disk.items()}
    return [_row(quantity, values) for quantity, values in costs.items()]


def _milliseconds(seconds: dict[str, float]) -> dict[str, float]:
    return {name: 1000 * value for name, value in seconds.items()}


def _row(quantity: str, values: dict[str, float]) -> dict:
    """Return what one network for all costs beside one a task."""
    own = [values[task] for task in FOUR_TASKS.tasks]
    mean = float(np.mean(own))
    return {
        "quantity": quantity,
        "one for four": values["four"],
        "one for one (mean)": mean,
        "ratio": values["four"] / mean,
        "four for one each": float(np.sum(own)),
    }


def main() -> None:
    """Measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="fewer clips, three turns")
    parser.add_argument("--json", default="bench/four_tasks.json")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    clips, repeats = (128, 3) if options.quick else (CLIPS, 7)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), clips, repeats)
    conclude(rows, {"threads": options.threads, "clips": clips, "repeats": repeats}, options.json)


if __name__ == "__main__":
    main()
