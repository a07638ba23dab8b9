"""What a model serves: an array a quantity, named `<task>_<quantity>` wherever it runs."""

from collections.abc import Mapping

import tensorflow as tf

from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.calibrated import calibrated_output


def served_answers(
    model: MultiTaskModel, outputs: Mapping[str, tf.Tensor], sides: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    """Return what every head serves of a model's outputs, but for the class.

    The class is the place of the highest probability or score, which costs less outside a graph.

    Args:
        model: made by `build_model`.
        outputs: task -> output [n, ...].
        sides: shorter side of each image in pixels, int32 [n], which says at which temperature
            probabilities are; None leaves them as the network gives them.

    Returns:
        `<task>_probabilities` float32 [n, classes], `<task>_years` float32 [n], `<task>_embedding`
        float32 [n, d] and the like: see `mtl_lowres.serving.export.export`.
    """
    answers = {}
    for task, head in model.heads.items():
        output = outputs[task]
        if sides is not None:
            output = calibrated_output(model, task, output, sides)
        served = head.serve(output)
        answers |= {f"{task}_{name}": served[name] for name in served if name != "class"}
    return answers


def task_labels(model: MultiTaskModel) -> dict[str, dict]:
    """Return what a reader of the answers must know of each task, JSON-able.

    Returns:
        task -> `classes`, the names where there are classes (None where they are unknown), or
        `unit`, that of a number; nothing of an embedding.
    """
    labels = {}
    for task, head in model.heads.items():
        labels[task] = {}
        if head.classes is not None:
            labels[task]["classes"] = model.class_names.get(task)
        if head.unit is not None:
            labels[task]["unit"] = head.unit
    return labels
