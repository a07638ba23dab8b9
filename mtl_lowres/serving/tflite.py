"""TensorFlow Lite files for small devices, each measured against the network it was made of."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.answers import served_answers, task_labels
from mtl_lowres.serving.lite_model import LiteModel
from mtl_lowres.serving.loop_free import without_loops

KINDS = ("float32", "float16", "dynamic", "int8")
# Of the samples given, so many set the ranges of int8; more change them little.
_MOST_REPRESENTATIVE = 256
_SIGNATURE = "serving_default"


def export_tflite(
    model: MultiTaskModel,
    folder: str | Path,
    samples: np.ndarray,
    kinds: Sequence[str] = KINDS,
) -> dict[str, dict]:
    """Write `folder/<kind>.tflite` for one sample at a time, and measure what each answers.

    - `float32`: the network as it is.
    - `float16`: weights of half the size.
    - `dynamic`: weights of 8 bits, activations float32; a quarter of the size.
    - `int8`: everything in 8 bits, inputs and outputs too, for devices without floating point.

    Only TensorFlow Lite's built-in operations are used; recurrent layers are written out step by
    step. The answers are named as those of a SavedModel: `<task>_probabilities`, `<task>_years`,
    `<task>_embedding` and so on, without class and label, which are the place of the highest
    probability and its name. Probabilities are not calibrated. `folder/tflite.json` names classes,
    recipe, sizes, calibration and the measured differences; `mtl_lowres.Predictor` reads both.

    Args:
        model: from `build_model` or `load_model`.
        folder: to write to; it is replaced if it was written by this function.
        samples: what the network sees, float32 [n, *input_shape] in [0, 1], at least one. They set
            the ranges of `int8`, and are what all kinds are compared on.
        kinds: some of `KINDS`.

    Returns:
        kind -> `{"bytes": ..., "outputs": {answer: {"max": ..., "mean": ...}}}`: the absolute
        differences to the Keras model over the samples.

    Raises:
        InputError: if a kind is unknown, there is no sample, `folder` holds something else, or the
            network has an operation that TensorFlow Lite lacks.

    Example:
        >>> export_tflite(model, "tflite", samples)["int8"]["bytes"]  # doctest: +SKIP
        371232
    """
    check_kinds(kinds)
    shape = tuple(model.description["input_shape"])
    samples = np.asarray(samples, np.float32)
    if len(samples) == 0 or samples.shape[1:] != shape:
        raise InputError(
            f"samples of shape {samples.shape} cannot be used: give at least one of {shape}"
        )
    folder = Path(folder)
    _refuse_other(folder)
    expected = served_answers(model, model.forward(samples))
    figures = {}
    with replacing(folder) as temporary:
        temporary.mkdir()
        for kind, content in _converted(model, shape, samples, kinds):
            path = temporary / f"{kind}.tflite"
            path.write_bytes(content)
            answers = LiteModel(path)(samples)
            figures[kind] = {"bytes": len(content), "outputs": _differences(answers, expected)}
        write_json(temporary / "tflite.json", _description(model, figures))
    return figures


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise InputError unless `kinds` are some of `KINDS`."""
    if not kinds or not set(kinds) <= set(KINDS):
        raise InputError(f"kinds={list(kinds)!r} cannot be used: give some of {', '.join(KINDS)}")


def _converted(model: MultiTaskModel, shape: tuple, samples: np.ndarray, kinds: Sequence[str]):
    """Yield each kind with the content of its file."""
    with tempfile.TemporaryDirectory() as folder:
        _save_for_one(model, shape, folder)
        for kind in kinds:
            converter = tf.lite.TFLiteConverter.from_saved_model(
                folder, signature_keys=[_SIGNATURE]
            )
            _SETTINGS[kind](converter, samples)
            try:
                yield kind, converter.convert()
            except Exception as error:  # The converter raises classes of its own.
                reason = str(error).strip().splitlines()[-1]
                raise InputError(
                    f"{kind}: TensorFlow Lite cannot take the trunk {model.trunk.name!r} with "
                    f"built-in operations only: {reason}"
                ) from error


def _save_for_one(model: MultiTaskModel, shape: tuple, folder: str) -> None:
    """Write a SavedModel of a batch of one, all of whose shapes are known."""
    network = without_loops(model)
    module = tf.Module()
    module.network_variables = network.variables
    inputs = tf.TensorSpec((1, *shape), tf.float32, name="inputs")
    answer = tf.function(
        lambda inputs: served_answers(model, network(inputs, training=False)),
        input_signature=[inputs],
    )
    tf.saved_model.save(module, folder, signatures={_SIGNATURE: answer})


def _plain(converter, samples) -> None:
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]


def _half(converter, samples) -> None:
    _dynamic(converter, samples)
    converter.target_spec.supported_types = [tf.float16]


def _dynamic(converter, samples) -> None:
    _plain(converter, samples)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _integer(converter, samples) -> None:
    _dynamic(converter, samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    places = np.linspace(0, len(samples) - 1, min(len(samples), _MOST_REPRESENTATIVE)).astype(int)
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples[places])


_SETTINGS: dict[str, Callable] = {
    "float32": _plain,
    "float16": _half,
    "dynamic": _dynamic,
    "int8": _integer,
}


def _differences(answers: dict, expected: dict) -> dict[str, dict[str, float]]:
    differences = {name: np.abs(answers[name] - np.asarray(expected[name])) for name in expected}
    return {
        name: {"max": float(values.max()), "mean": float(values.mean())}
        for name, values in differences.items()
    }


def _description(model: MultiTaskModel, figures: dict) -> dict:
    """Return what a program must know to use the files."""
    made = model.description
    return {
        **{name: made.get(name) for name in ("input_shape", "degrade", "clip")},
        "tasks": task_labels(model),
        "calibration": made.get("calibration", {}),
        "differences_to_keras": figures,
        "versions": made["versions"],
    }


def _refuse_other(folder: Path) -> None:
    own = {f"{kind}.tflite" for kind in KINDS} | {"tflite.json"}
    if folder.is_dir() and {entry.name for entry in folder.iterdir()} - own:
        raise InputError(f"{folder} holds other files and is not replaced: name another folder")
    if folder.is_file():
        raise InputError(f"{folder} is a file: name a folder")
