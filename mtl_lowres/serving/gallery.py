"""Enrolled people, among whom the nearest is named."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.datasets.folder import IMAGE_SUFFIXES, list_files
from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.calibrated import (
    embedding_task,
    entries_of,
    mirrored_embedding,
    value_for,
)
from mtl_lowres.serving.files import read_batches

UNKNOWN = "unknown"
_CLIP_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4", ".npz", ".webm")


class Gallery:
    """The people that a folder enrols, as a model sees them.

    A person is a folder of images, named after it, or a single image beside such folders, named
    after the file without its suffix. An image is compared with every enrolled one, by the cosine
    of the embeddings of both (of the image and its mirror image together), and gets the name of the
    nearest, or `"unknown"` below the threshold. A threshold's false accept rate is that of one
    comparison: among many enrolled images a stranger is taken for one of them more often.

    Args:
        model: with a head that embeds.
        folder: of the enrolled images; other files than images (and, for a model of clips, videos)
            are ignored.
        threshold: cosine from which it is the same person; default: the calibrated one that holds
            for the file's resolution.
        degrade: another recipe than the model's own.

    Raises:
        InputError: if no head embeds, no threshold is known, nobody is enrolled, or an enrolled
            file cannot be read (otherwise its person would silently be unknown).

    Attributes:
        names: of the person on each enrolled image.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        folder: str | Path,
        threshold: float | None = None,
        degrade: str | None = None,
    ):
        task = embedding_task(model)
        if task is None:
            raise InputError(
                f"gallery {str(folder)!r}: no head of the model has an embedding, only "
                f"{', '.join(model.heads)}: train one that has, such as embedding()"
            )
        self._entries = entries_of(model, "threshold", task)
        self._threshold = threshold
        if threshold is not None and not -1 <= threshold <= 1:
            raise InputError(f"threshold {threshold} is no cosine: give a number from -1 to 1")
        if threshold is None and not self._entries:
            raise InputError(
                f"gallery {str(folder)!r}: no threshold is known for the task {task!r}: run "
                "`mtl-lowres calibrate` on validation people, or give --threshold"
            )
        self._embed = tf.function(
            lambda images: mirrored_embedding(model, task, images),
            input_signature=[tf.TensorSpec(model.input.shape, model.input.dtype)],
        )
        people = enrolled_files(folder, clips=len(model.description["input_shape"]) == 4)
        self.names = [name for name, _ in people]
        paths = [str(path) for _, path in people]
        bad_files = BadFiles(len(paths), budget=1.0)
        images = [images for _, images in read_batches(model, paths, bad_files, degrade)]
        if bad_files.reasons:
            path, reason = next(iter(bad_files.reasons.items()))
            raise InputError(f"gallery image {path}: {reason}: mend or remove it")
        self._enrolled = np.concatenate([self._embedded(batch) for batch in images])

    def name(self, images: tf.Tensor, sides: Sequence[int]) -> list[dict]:
        """Return who is on each image.

        Args:
            images: float32 [n, ...], what the model takes.
            sides: shorter side of each file in pixels [n].

        Returns:
            `{"label": name or "unknown", "nearest": name, "similarity", "threshold"}` an image;
            the numbers are cosines in [-1, 1].
        """
        similarities = self._embedded(images) @ self._enrolled.T
        nearest = similarities.argmax(axis=1)
        best = similarities[np.arange(len(nearest)), nearest]
        if self._threshold is None:
            thresholds = value_for(self._entries, "threshold", tf.constant(sides)).numpy()
        else:
            thresholds = np.full(len(nearest), self._threshold)
        return [
            {
                "label": self.names[place] if similarity >= threshold else UNKNOWN,
                "nearest": self.names[place],
                "similarity": float(similarity),
                "threshold": float(threshold),
            }
            for place, similarity, threshold in zip(nearest, best, thresholds, strict=True)
        ]

    def _embedded(self, images: tf.Tensor) -> np.ndarray:
        return tf.math.l2_normalize(self._embed(images), axis=1).numpy()


def enrolled_files(folder: str | Path, clips: bool = False) -> list[tuple[str, Path]]:
    """Return name and file of each enrolled image; hidden files are left out.

    Args:
        folder: see `Gallery`.
        clips: whether videos and `.npz` files count too.

    Raises:
        InputError: if there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"gallery {str(folder)!r}: no such folder: name one with images of people")
    suffixes = IMAGE_SUFFIXES + (_CLIP_SUFFIXES if clips else ())
    files = [file for file in list_files(folder) if file.suffix.lower() in suffixes]
    if not files:
        raise InputError(
            f"gallery {str(folder)!r}: no image in it: put one a person there, or a folder a person"
        )
    places = [file.relative_to(folder).parts for file in files]
    return [
        (place[0] if len(place) > 1 else file.stem, file)
        for place, file in zip(places, files, strict=True)
    ]
