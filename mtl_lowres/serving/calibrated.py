"""A model's calibration applied to its outputs, eagerly and in an exported graph.

The entry that holds for an image is that of the largest calibrated size not above the image's own,
by their shorter sides; for an image below all of them it is that of the smallest.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from mtl_lowres.data.headers import MAGIC_BYTES
from mtl_lowres.data.mirror import mirror_images
from mtl_lowres.data.video import read_frames
from mtl_lowres.evaluation.calibration import LEAST_PROBABILITY
from mtl_lowres.model import MultiTaskModel


def entries_of(model: MultiTaskModel, kind: str, task: str) -> list[dict]:
    """Return what is calibrated of a task, an entry a size; none where nothing is.

    Args:
        model: its description may hold a calibration.
        kind: `"temperature"` or `"threshold"`.
        task: name of the task.
    """
    return model.description.get("calibration", {}).get(kind, {}).get(task, [])


def embedding_task(model: MultiTaskModel) -> str | None:
    """Return the task whose embedding tells people apart: the first calibrated, else the first."""
    tasks = [task for task, head in model.heads.items() if head.embeds]
    calibrated = [task for task in tasks if entries_of(model, "threshold", task)]
    return next(iter(calibrated + tasks), None)


def value_for(entries: Sequence[Mapping], name: str, sides: tf.Tensor) -> tf.Tensor:
    """Return the value that holds for each image.

    Args:
        entries: at least one, of `entries_of`.
        name: of the value in an entry.
        sides: shorter side of each image in pixels, int32 [n].

    Returns:
        float32 [n].
    """
    ascending = sorted(entries, key=lambda entry: min(entry["size"]))
    lowest = tf.constant([min(entry["size"]) for entry in ascending])
    values = tf.constant([entry[name] for entry in ascending], tf.float32)
    not_above = tf.reduce_sum(tf.cast(lowest <= sides[:, tf.newaxis], tf.int32), axis=1)
    return tf.gather(values, tf.maximum(not_above - 1, 0))


def calibrated_output(
    model: MultiTaskModel, task: str, output: tf.Tensor, sides: tf.Tensor
) -> tf.Tensor:
    """Return the output of a task with its probabilities at the temperature that holds.

    Args:
        model: made by `build_model`.
        task: whose head made the output.
        output: float32 [n, ...]; only its class probabilities change.
        sides: shorter side of each image in pixels, int32 [n].
    """
    entries = entries_of(model, "temperature", task)
    if not entries:
        return output
    head = model.heads[task]
    logits = tf.math.log(tf.maximum(head.probabilities(output), LEAST_PROBABILITY))
    temperatures = value_for(entries, "temperature", sides)
    probabilities = tf.nn.softmax(logits / temperatures[:, tf.newaxis])
    return head.with_probabilities(output, probabilities)


def mirrored_embedding(model: MultiTaskModel, task: str, inputs: tf.Tensor) -> tf.Tensor:
    """Return the embeddings of images and of their mirror images side by side, float32 [n, 2 d].

    They are those of `mtl_lowres.training.embed`, on which thresholds are fitted.
    """
    both = tf.concat([inputs, mirror_images(inputs)], axis=0)
    embeddings = model.heads[task].embedding_of(model(both, training=False)[task])
    return tf.concat(tf.split(embeddings, 2), axis=-1)


def shorter_side(path: str | Path) -> int:
    """Return the shorter side in pixels of an image, or of the first frame of a video or array.

    Raises:
        ValueError: if the file cannot be read.
    """
    with Path(path).open("rb") as file:
        start = file.read(len(MAGIC_BYTES["JPEG"]))
        if start == MAGIC_BYTES["JPEG"]:  # its header tells, without decoding it
            return int(min(tf.image.extract_jpeg_shape(start + file.read())[:2].numpy()))
    return min(read_frames(path, indices=[0]).shape[1:3])
