"""What a predictor runs: a Keras model, a SavedModel or a TensorFlow Lite file, all called alike.

Each is a function from samples, float32 [n, *input_shape] with n at least 1, to the answers that it
serves, by their names. It has

- `description`: `input_shape`, `degrade`, `clip`, `calibration` and `tasks`, what a reader must
  know of each task's answers (see `mtl_lowres.serving.answers.task_labels`);
- `calibrated`: whether probabilities are at the temperature of the size that the network sees,
  rather than as the network gives them.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import check_calibration
from mtl_lowres.model import MultiTaskModel, load_model
from mtl_lowres.serving.answers import served_answers, task_labels
from mtl_lowres.serving.lite_model import LiteModel
from mtl_lowres.serving.loop_free import without_short_loops

_SIGNATURE = "serving_default"
_DESCRIBED = ("input_shape", "degrade", "clip", "tasks")
_LITE_MAGIC = b"TFL3"  # bytes 4 to 8 of a file


class KerasNetwork:
    """A model of `build_model`, as one graph with the weights that it has now."""

    calibrated = True

    def __init__(self, model: MultiTaskModel):
        made = model.description
        self.description = {
            **{name: made.get(name) for name in _DESCRIBED},
            "calibration": made.get("calibration", {}),
            "tasks": task_labels(model),
        }
        shape = tuple(made["input_shape"])
        own_side = min(shape[-3:-1])
        network = without_short_loops(model)

        def answer(samples):
            sides = tf.fill(tf.shape(samples)[:1], own_side)
            return served_answers(model, network(samples, training=False), sides)

        traced = tf.function(answer, input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
        self._call = _GraphCall(traced.get_concrete_function())

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> answers [n, ...] of samples float32 [n, *input_shape]."""
        return self._call(samples)


class SavedNetwork:
    """The signature `serving_default` of a SavedModel that `mtl_lowres.export` wrote.

    Args:
        folder: of a version.

    Raises:
        InputError: if it is of another program, or damaged.
    """

    calibrated = True

    def __init__(self, folder: Path):
        path = folder / "labels.json"
        if not path.is_file():
            raise InputError(
                f"{folder} is a SavedModel of another program, without labels.json: name one that "
                "`mtl-lowres export` wrote"
            )
        remedy = "export the model again"
        labels = _read_description(path, remedy)
        try:
            loaded = tf.saved_model.load(str(folder))
            function = loaded.signatures[_SIGNATURE]
            (spec,) = function.structured_input_signature[1].values()
        except Exception as error:  # Damaged files raise what the reader of each part raises.
            reason = _first_line(error)
            raise InputError(f"{folder} is a damaged SavedModel ({reason}): {remedy}") from error
        self.description = labels | {"input_shape": spec.shape[1:].as_list()}
        # The predictor finds class and label itself, as for the others.
        tasks = self.description["tasks"]
        known = {f"{task}_{name}" for task in tasks for name in ("class", "label")}
        self._call = _GraphCall(function, without=known)

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> answers [n, ...] of samples float32 [n, *input_shape]."""
        return self._call(samples)


class _GraphCall:
    """A traced function of one tensor and its dict of answers, as a graph in a session.

    TensorFlow 2.15 keeps some fifty bytes at every call of a function for as long as the process
    lives, and what it checks in Python at a call costs as much as half of a small network. A
    session keeps nothing. The weights are constants of its graph.

    Args:
        function: traced.
        without: names of answers that are not wanted.
    """

    def __init__(self, function, without: Collection[str] = ()):
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
        # The order of a dict's values in a graph is that of its sorted keys.
        answers = zip(sorted(function.structured_outputs), frozen.outputs, strict=True)
        wanted = {name: output.name for name, output in answers if name not in without}
        (samples,) = frozen.inputs
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(frozen.graph.as_graph_def(), name="")
        threads = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=tf.config.threading.get_intra_op_parallelism_threads(),
            inter_op_parallelism_threads=tf.config.threading.get_inter_op_parallelism_threads(),
        )
        self._session = tf.compat.v1.Session(graph=graph, config=threads)
        self._run = self._session.make_callable([*wanted.values()], [samples.name])
        self._names = list(wanted)

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._names, self._run(samples), strict=True))


class LiteNetwork(LiteModel):
    """A `.tflite` file with the `tflite.json` beside it, both of `export_tflite`.

    Args:
        path: of the file.

    Raises:
        InputError: if one of the two is missing, damaged or of another program.
    """

    calibrated = False

    def __init__(self, path: Path):
        described = path.with_name("tflite.json")
        if not described.is_file():
            raise InputError(
                f"{described} is missing, which tells what {path.name} answers: keep both together"
            )
        super().__init__(path)
        self.description = _read_description(described, "write it again with `mtl-lowres tflite`")
        shape = self.description["input_shape"]
        if shape != list(self.input_shape):
            raise InputError(
                f"{path} takes {list(self.input_shape)}, but tflite.json beside it is of a network "
                f"that takes {shape}: keep the files of one model together"
            )


def open_network(source: MultiTaskModel | str | Path) -> KerasNetwork | SavedNetwork | LiteNetwork:
    """Return what a predictor runs.

    Args:
        source: see `mtl_lowres.serving.predictor.Predictor`.

    Raises:
        InputError: if there is no such file or folder, it is none of these, or damaged.
    """
    if isinstance(source, MultiTaskModel):
        return KerasNetwork(source)
    path = Path(source)
    if path.is_file():
        return LiteNetwork(_lite_file(path))
    if not path.exists():
        raise InputError(f"{path} is missing: name a run, a SavedModel or a .tflite file")
    if (path / "model.json").exists() or (path / "model").is_dir():
        return KerasNetwork(load_model(path))
    if (path / "saved_model.pb").exists():
        return SavedNetwork(path)
    versions = [folder for folder in path.iterdir() if (folder / "saved_model.pb").exists()]
    if numbered := [folder for folder in versions if folder.name.isdigit()]:
        return SavedNetwork(max(numbered, key=lambda folder: int(folder.name)))
    if lite := sorted(path.glob("*.tflite")):
        raise InputError(
            f"{path} is a folder of TensorFlow Lite files: name one, such as {lite[0]}"
        )
    raise InputError(
        f"{path} holds no run, model or SavedModel: name one, or a .tflite file of "
        "`mtl-lowres tflite`"
    )


def _lite_file(path: Path) -> Path:
    with path.open("rb") as file:
        start = file.read(8)
    if start[4:] != _LITE_MAGIC:
        raise InputError(f"{path} is no .tflite file: name one, a run or a SavedModel")
    return path


def _read_description(path: Path, remedy: str) -> dict[str, Any]:
    """Return what a file tells of a network."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({_first_line(error)}): {remedy}") from error
    if not isinstance(content, dict) or not isinstance(content.get("tasks"), dict):
        raise InputError(f"{path} does not tell the tasks of a network: {remedy}")
    description = {name: content.get(name) for name in _DESCRIBED}
    description["calibration"] = content.get("calibration", {})
    check_calibration(description["calibration"])
    return description


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
