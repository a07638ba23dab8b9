"""A frozen teacher that sees images at high resolution guides a student that sees them small.

The teacher is any saved model. Its answers become labels, in the data pipeline: the student trains
as ever, on `(images, labels, weights)`. Both see one decode of a file: the teacher's own recipe
makes the high resolution of it, and the student's recipe the low resolution of that. (In use the
student's recipe acts on the file itself; where files are larger than what the teacher sees, write
recipes of absolute sizes such as `area(16)`, which then give almost the same.)

Two kinds of guidance, alone or with labels of the manifest:

- A task with the head `embedding` imitates the teacher's embedding.
- With `teacher_share`, labels of classification tasks that both answer are mixed with the
  teacher's probabilities ("Distilling the knowledge in a neural network", Hinton et al. 2015).
  Deviation: `teacher_temperature` softens the teacher alone, not the student's own softmax, so
  that what the student learns is what it answers.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.teacher import Teacher, learns_distances, open_teacher
from mtl_lowres.training.views import dataset_of_views

__all__ = [
    "PUBLISHED",
    "Teacher",
    "adapt_embeddings",
    "embeddings_of_teacher",
    "guided_dataset",
    "open_teacher",
    "soften",
]

# Settings of the published guidance of SphereNet-20 at one ninth of the size, down and up again:
#
#     TrainConfig(tasks=("embedding",), trunk="spherenet(layers=20)", teacher=TEACHER,
#                 start=TEACHER, epochs=math.ceil(2000 / (len(rows) / 256)), **PUBLISHED)
#
# Source: Garyandtang/Low-Resolution-Face-Recognition-with-SphereFace, `src`: the student starts
# from the teacher's weights; mean squared error between the 512 raw features; 2000 steps of Adam.
# Its README says bicubic, but its program resizes bilinearly. Deviations: weight decay is decoupled
# and spares biases, where theirs is added to the gradient; theirs is the AMSGrad variant of Adam;
# their step decay, by 0.1 after 20,001 steps, is never reached.
PUBLISHED = {
    "heads": {"embedding": "embedding(loss='l2')"},
    "degrade": "bilinear(12, 10, antialias=False)|bilinear(112, 96, antialias=False)",
    "optimizer": "adamw",
    "learning_rate": 3e-4,
    "weight_decay": 5e-4,
    "schedule": "constant",
    "batch_size": 256,
    "val": 0.0,
}

_ROW = "_row"
_ADAPTED_ROWS = 256


def guided_dataset(
    manifest: pd.DataFrame,
    config: TrainConfig,
    teacher: Teacher,
    classes: dict[str, int],
    *,
    first_epoch: int = 0,
    cache_dir: str | Path | None = None,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> tf.data.Dataset:
    """Return the training batches of a student, labelled by its teacher.

    Each iteration is the next epoch. With `config.teacher_views` of 0 the teacher answers at every
    step, on the freshly augmented images. With k, it answers once for k augmented views of each
    row, which are kept with its answers; an epoch takes one view of each row at random. Either way
    augmentation at low resolution is fresh, and everything depends on the seed, the epoch and the
    row alone.

    Args:
        manifest: rows to train on.
        config: settings of the student.
        teacher: what `open_teacher` returns.
        classes: classes of each task that has labels in the manifest.
        first_epoch, cache_dir, bad_files, progress: as in `make_dataset`.

    Returns:
        A `tf.data.Dataset` of `(images, labels, weights)` as `make_dataset` gives it; the labels
        of guided tasks are float32 [n, d], of weight 1 in every row.

    Raises:
        InputError: an option cannot be used, or more files are bad than the budget allows.
    """

    def label(labels, weights, answers):
        labels, weights = dict(labels), dict(weights)
        for task in teacher.embeds:
            labels[task], weights[task] = answers[task], tf.ones_like(answers[task][:, 0])
        for task in teacher.shares:
            taught = soften(answers[task], config.teacher_temperature)
            labels[task] = _mixed(labels[task], weights[task], taught, config.teacher_share)
            weights[task] = tf.ones_like(taught[:, 0])
        return labels, weights

    options = {
        "classes": classes,
        "first_epoch": first_epoch,
        "cache_dir": cache_dir,
        "bad_files": bad_files if bad_files is not None else BadFiles(len(manifest)),
        "progress": progress,
    }
    if config.teacher_views:
        return dataset_of_views(manifest, config, teacher, label, **options)
    dataset = make_dataset(
        manifest,
        config.labelled_tasks,
        degrade=config.degrade,
        hr=teacher.recipe,
        clip=config.clip or None,
        batch_size=config.batch_size,
        training=True,
        seed=config.seed,
        augment=config.augment or None,
        cache=config.cache,
        fast_decode=config.fast_decode,
        service=config.data_service or None,
        **options,
    )

    def ask(images, labels, weights):
        return images["lr"], *label(labels, weights, teacher.answers(images["hr"]))

    return dataset.map(ask).prefetch(2)


def embeddings_of_teacher(
    manifest: pd.DataFrame,
    config: TrainConfig,
    teacher: Teacher,
    *,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """Return task -> the teacher's embeddings of the rows, not augmented, float32 [rows, d].

    They are the truth that a student's embeddings are measured by; NaN for a bad file.
    """
    found = {
        task: np.full((len(manifest), teacher.widths[task]), np.nan, np.float32)
        for task in teacher.embeds
    }
    if not found:
        return found
    batches = make_dataset(
        manifest.assign(**{_ROW: np.arange(len(manifest))}),
        [_ROW],
        degrade=teacher.recipe,
        clip=config.clip or None,
        seed=config.seed,
        cache="none",
        fast_decode=config.fast_decode,
        service=config.data_service or None,
        bad_files=bad_files,
    )
    answers = batches.map(lambda images, labels, _: (labels[_ROW], teacher.answers(images)))
    with tqdm(total=len(manifest), desc="teacher", unit="row", disable=not progress) as bar:
        for rows, answer in answers.as_numpy_iterator():
            for task, embeddings in found.items():
                embeddings[rows] = answer[task]
            bar.update(len(rows))
    return found


def adapt_embeddings(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    config: TrainConfig,
    teacher: Teacher,
    *,
    bad_files: BadFiles | None = None,
) -> None:
    """Give the embeddings of a new student the mean and size of the teacher's.

    Args:
        model: the student.
        manifest: rows to train on, of which up to 256 are looked at.
        config, teacher, bad_files: as in `guided_dataset`.
    """
    tasks = [task for task in teacher.embeds if not learns_distances(model, task)]
    if not tasks:
        return
    some = manifest.iloc[:: -(-len(manifest) // _ADAPTED_ROWS)]
    found = embeddings_of_teacher(some, config, teacher, bad_files=bad_files)
    for task in tasks:
        good = ~np.isnan(found[task]).any(axis=1)
        if good.any():
            model.heads[task].adapt(model, task, found[task][good])


def soften(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return `p ** (1 / temperature)` over its sum, for probabilities [n, classes]."""
    logits = tf.math.log(tf.maximum(probabilities, tf.keras.backend.epsilon()))
    return tf.nn.softmax(logits / temperature)


def _mixed(label, weight, taught: tf.Tensor, share: float) -> tf.Tensor:
    """Mix labels with the teacher's answers; where there is no label these stand alone."""
    if label.dtype.is_integer:
        label = tf.one_hot(label, taught.shape[-1])
    share = tf.where(weight > 0, share, 1.0)[:, tf.newaxis]
    return (1.0 - share) * label + share * taught
