"""One trunk and any heads as one Keras model, and that model on disk."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import check_calibration
from mtl_lowres.files import refuse_other_folder, replacing, write_json
from mtl_lowres.heads import Head
from mtl_lowres.heads.checks import check_class_names, check_heads, registered_name
from mtl_lowres.multi_task_model import MultiTaskModel
from mtl_lowres.plug_in import PlugIn, with_transfer
from mtl_lowres.registry import HEADS, TRUNKS
from mtl_lowres.trunks.options import check_trunk_options
from mtl_lowres.versions import versions
from mtl_lowres.weights_file import (
    WEIGHTS_FILE,
    first_line,
    read_weights,
    weights_by_key,
    write_weights,
)

__all__ = [
    "MultiTaskModel",
    "build_model",
    "load_model",
    "save_model",
    "store_calibration",
    "weights_by_key",
]

_DESCRIPTION_FILE = "model.json"


def build_model(
    trunk: str,
    heads: dict[str, Head],
    input_shape: Sequence[int],
    class_names: dict[str, Sequence[str]] | None = None,
    degrade: str | None = None,
    clip: str | None = None,
    transfer: str | Path | None = None,
    **trunk_options: Any,
) -> MultiTaskModel:
    """Join one trunk and any heads into one Functional model.

    Args:
        trunk: name of a trunk; `mtl_lowres.list_trunks()` lists them.
        heads: task name -> head. Several tasks may use the same kind of head.
        input_shape: shape of one sample without the batch, (height, width, channels) for images,
            (frames, height, width, channels) for clips.
        class_names: task -> name of each class, for tasks whose names are known.
        degrade: recipe that turns an image file into what the model sees.
        clip: which frames of a video it sees, such as `"uniform(15)"`; None for images.
        transfer: folder of a transfer (see `mtl_lowres.training.transfer`) to put between the trunk
            and the heads. Then only the heads learn: trunk and transfer are frozen, as when the
            transfer was fitted, so give the trunk the weights that it had then.
        **trunk_options: arguments of the trunk, JSON-able.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to a dict of each task's output.

    Raises:
        InputError: if a name is unknown or an argument cannot be used.

    Example:
        >>> model = build_model("lownet", {"posture": Posture(38)}, (16, 16, 3), slopes=(4, 2, 1))
        >>> model.compile("adam")
    """
    plug_in = PlugIn.read(transfer)[0] if transfer else None
    return _join(trunk, heads, input_shape, class_names, degrade, clip, trunk_options, plug_in)


def _join(
    trunk: str,
    heads: dict[str, Head],
    input_shape: Sequence[int],
    class_names: dict[str, Sequence[str]] | None,
    degrade: str | None,
    clip: str | None,
    trunk_options: dict[str, Any],
    plug_in: PlugIn | None,
) -> MultiTaskModel:
    """Return the model of `build_model`."""
    check_trunk_options(trunk, trunk_options)
    check_heads(heads)
    check_class_names(heads, class_names or {})
    trunk_model = TRUNKS.get(trunk)(tuple(input_shape), **trunk_options)
    _check_degrade(degrade, input_shape)
    _check_clip(clip, input_shape)
    description = {
        "trunk": trunk,
        "trunk_options": json.loads(json.dumps(trunk_options)),
        "heads": {
            task: {"head": registered_name(head), "config": head.get_config()}
            for task, head in heads.items()
        },
        "input_shape": list(input_shape),
        "degrade": degrade,
        "clip": clip,
        "class_names": {task: list(names) for task, names in (class_names or {}).items()},
        "versions": versions(),
    }
    if plug_in:
        trunk_model = with_transfer(trunk_model, plug_in)
        description["transfer"] = plug_in.describe()
    _check_layer_names(trunk_model, heads)
    outputs = {task: head.build(trunk_model.output, task) for task, head in heads.items()}
    return MultiTaskModel(trunk_model.input, outputs, trunk_model, heads, description)


def save_model(model: MultiTaskModel, folder: str | Path) -> None:
    """Write a model to a folder: `model.json`, which describes it, and `weights.npz`.

    The folder appears whole or not at all and replaces an earlier model there. The optimizer is
    not saved.

    Raises:
        InputError: if the model is not from `build_model`, or `folder` holds something else.
    """
    folder = Path(folder)
    if not model.description:
        raise InputError(f"{model.name} has no description to save: make it with build_model")
    refuse_other_folder(folder, {_DESCRIPTION_FILE, WEIGHTS_FILE}, "model")
    with replacing(folder) as temporary:
        temporary.mkdir()
        write_json(temporary / _DESCRIPTION_FILE, model.description)
        write_weights(model, temporary / WEIGHTS_FILE)


def load_model(folder: str | Path) -> MultiTaskModel:
    """Return the model that `save_model` wrote, not compiled. Nothing in the folder is executed.

    Args:
        folder: of the model, or of a run that holds it as `model`.

    Raises:
        InputError: if a file is missing or damaged, a name in it is unknown here, or the weights
            do not fit.
    """
    folder = _model_folder(folder)
    path = folder / _DESCRIPTION_FILE
    description = _read_description(path)
    try:
        options = description["trunk_options"]
        # A pretrained start is overwritten by the saved weights; its file may be gone by now.
        without_start = {**options, "weights": None} if "weights" in options else options
        heads = {
            task: HEADS.get(entry["head"]).from_config(entry["config"])
            for task, entry in description["heads"].items()
        }
        transfer = description.get("transfer")
        model = _join(
            description["trunk"],
            heads,
            description["input_shape"],
            description["class_names"],
            description["degrade"],
            description.get("clip"),
            without_start,
            PlugIn.build(**transfer) if transfer else None,
        )
        model.description["trunk_options"] = options
        if "calibration" in description:
            check_calibration(description["calibration"])
            model.description["calibration"] = description["calibration"]
    except KeyError as error:
        raise InputError(f"{path} lacks {error}: save the model again") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be used: {first_line(error)}") from error
    read_weights(model, folder / WEIGHTS_FILE)
    return model


def store_calibration(folder: str | Path, calibration: dict) -> None:
    """Write a calibration into the `model.json` of a saved model, whole or not at all.

    Args:
        folder: of the model, or of a run that holds it as `model`.
        calibration: see `mtl_lowres.evaluation.calibration`; it replaces an earlier one.

    Raises:
        InputError: if there is no saved model, or it is no calibration.
    """
    check_calibration(calibration)
    path = _model_folder(folder) / _DESCRIPTION_FILE
    write_json(path, _read_description(path) | {"calibration": calibration})


def _model_folder(folder: str | Path) -> Path:
    """Return the folder of a model, which a run holds as `model`."""
    inner = Path(folder) / "model"
    return inner if (inner / _DESCRIPTION_FILE).exists() else Path(folder)


def _check_degrade(degrade: str | None, input_shape: Sequence[int]) -> None:
    if degrade is None:
        return
    given = tuple(input_shape[-3:-1])
    made = parse_recipe(degrade).output_size(None, None)
    if any(side is not None and side != wanted for side, wanted in zip(made, given, strict=True)):
        raise InputError(
            f"degrade={degrade!r} makes images of {made}, but input_shape={tuple(input_shape)!r} "
            "asks for another height and width: change one of them"
        )


def _check_clip(clip: str | None, input_shape: Sequence[int]) -> None:
    if clip is None:
        return
    given = tuple(input_shape)
    made = parse_clip(clip).shape(given[-3:-1])
    # Only the number of colours is free, for networks that are fed by other means.
    if made[:-1] != given[:-1] or (made[-1] != given[-1] and (made[-1] != 3 or given[-1] == 5)):
        raise InputError(
            f"clip={clip!r} gives clips of {made}, but input_shape={given!r} asks for others: "
            "change one of them"
        )


def _check_layer_names(trunk: tf.keras.Model, heads: dict[str, Head]) -> None:
    for task in heads:
        if task in {layer.name for layer in trunk.layers}:
            raise InputError(f"task name {task!r} is also a layer of the trunk: choose another")


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: name the folder of a run or model") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is no model description ({first_line(error)}): save the model again"
        ) from error
    if not isinstance(description, dict):
        raise InputError(f"{path} is no model description: save the model again")
    return description
