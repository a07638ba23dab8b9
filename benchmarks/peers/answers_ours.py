"""Worker: every way in which our networks run. Arguments: the folder of a network, threads.

Kinds: "keras" (the traced call), "saved_model" (`serving_default` of the export) and those of
TensorFlow Lite, whose files take one sample at a time.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from worker import seconds_a_call, serve

import mtl_lowres as mtl
from mtl_lowres.serving.answers import served_answers
from mtl_lowres.serving.lite_model import LiteModel
from mtl_lowres.serving.tflite import KINDS

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
tf.config.threading.set_intra_op_parallelism_threads(threads)
# A second thread between operations only hands work to and fro in networks this small.
tf.config.threading.set_inter_op_parallelism_threads(1)

samples = np.load(folder / "samples.npy")
model = mtl.load_model(folder / "model")
signature = tf.saved_model.load(str(folder / "export" / "1")).signatures["serving_default"]
(argument,) = signature.structured_input_signature[1]


def arrays(answers: dict) -> dict:
    """Return tensors as arrays."""
    return {name: value.numpy() for name, value in answers.items()}


runs = {
    "keras": lambda inputs: arrays(model.forward(inputs)),
    "saved_model": lambda inputs: arrays(signature(**{argument: tf.constant(inputs)})),
} | {kind: LiteModel(folder / "tflite" / f"{kind}.tflite", threads) for kind in KINDS}


def answers(kind: str, file: str) -> None:
    """Write the answers to all samples, named as an export names them."""
    found = runs[kind](samples)
    np.savez(file, **(arrays(served_answers(model, found)) if kind == "keras" else found))


def seconds(kind: str, batch: int, calls: int) -> float:
    """Return the median time of a call, from an array to arrays."""
    inputs = samples[:batch]
    return seconds_a_call(lambda: runs[kind](inputs), calls)


serve({"answers": answers, "seconds": seconds})
