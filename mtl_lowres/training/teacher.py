"""The teacher of a guided run: a saved model whose answers are a student's labels."""

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses import Relational
from mtl_lowres.model import MultiTaskModel, load_model
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.weights_file import weights_digest


class Teacher:
    """A saved model that answers for a student; nothing trains it.

    Attributes:
        recipe: its own degradation recipe, which makes what it sees.
        digest: SHA-256 of its weights and its recipe.
        embeds: the student's tasks for which it gives an embedding.
        shares: those for which it gives probabilities.
    """

    def __init__(self, model: MultiTaskModel, embeds: tuple[str, ...], shares: tuple[str, ...]):
        self.recipe = model.description["degrade"]
        self.digest = weights_digest(model, self.recipe)
        self.embeds = embeds
        self.shares = shares
        outputs = {task: _embedding(model, task) for task in embeds}
        for task in shares:
            outputs[task] = model.heads[task].probabilities(model.output[task])
        self._model = tf.keras.Model(model.input, outputs)

    @property
    def widths(self) -> dict[str, int]:
        """Task -> how many numbers the teacher answers."""
        return {task: output.shape[-1] for task, output in self._model.output.items()}

    def answers(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return task -> float32 [n, d]: embeddings, or class probabilities.

        Args:
            images: float32 [n, h, w, 3] in [0, 1], or clips [n, t, h, w, 3], at its resolution.
        """
        return self._model(images, training=False)


def open_teacher(config: TrainConfig, student: MultiTaskModel) -> Teacher:
    """Load the teacher that the settings name and check that the student can learn from it.

    For a task with the head `embedding` the teacher gives the embedding of its own task of that
    name, else of its first task that has one, else the features of its trunk.

    Raises:
        InputError: if it is no model, does not fit the student, or has nothing to teach it.
    """
    model = load_model(config.teacher)
    named = f"teacher={config.teacher!r}"
    if not model.description["degrade"]:
        raise InputError(f"{named} has no recipe that makes what it sees: save it with degrade=")
    if (model.description.get("clip") or "") != config.clip:
        raise InputError(
            f"{named} sees clip={model.description.get('clip')!r}, the student clip="
            f"{config.clip!r}: both must see the same frames"
        )
    shares = _shared_tasks(config, model, student) if config.teacher_share else ()
    if not shares and not config.embedding_tasks:
        raise InputError(
            f"{named} has nothing to teach: give a task the head embedding, or set teacher_share "
            f"for one that it answers ({', '.join(model.heads)})"
        )
    teacher = Teacher(model, config.embedding_tasks, shares)
    for task in config.embedding_tasks:
        ours, theirs = student.output[task].shape[-1], teacher.widths[task]
        if ours != theirs and not learns_distances(student, task):
            raise InputError(
                f"{named} gives embeddings of {theirs} numbers, but the head of {task!r} answers "
                f"{ours}: write embedding(width={theirs})"
            )
    return teacher


def learns_distances(student: MultiTaskModel, task: str) -> bool:
    """Return whether a task imitates the distances among embeddings and not their directions."""
    return isinstance(student.heads[task].loss(), Relational)


def _shared_tasks(
    config: TrainConfig, model: MultiTaskModel, student: MultiTaskModel
) -> tuple[str, ...]:
    """Return the classification tasks that both answer, whose classes must agree."""
    shared = []
    for task in config.labelled_tasks:
        if task not in model.heads or None in (
            model.heads[task].classes,
            student.heads[task].classes,
        ):
            continue
        theirs, ours = (_classes(network, task) for network in (model, student))
        if theirs != ours:
            raise InputError(
                f"teacher={config.teacher!r} knows the classes {theirs} of {task!r}, but the "
                f"manifest has {ours}: number and name them alike, or use teacher_share=0"
            )
        shared.append(task)
    return tuple(shared)


def _classes(model: MultiTaskModel, task: str) -> list[str] | int:
    """Return the names of the classes of a task, or their number where they have none."""
    return model.class_names.get(task) or model.heads[task].classes


def _embedding(model: MultiTaskModel, task: str) -> tf.Tensor:
    """Return the symbolic embedding that a teacher gives for a task of the student."""
    having = [name for name, head in model.heads.items() if head.embeds]
    if not having:
        return model.trunk.output
    name = task if task in having else having[0]
    return model.heads[name].embedding_of(model.output[name])
