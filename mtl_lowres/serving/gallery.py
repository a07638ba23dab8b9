"""Enrolled people, among whom the nearest is named."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.data.mirror import mirror_images
from mtl_lowres.datasets.folder import IMAGE_SUFFIXES, list_files
from mtl_lowres.errors import InputError
from mtl_lowres.serving.calibrated import entries_of, value_for
from mtl_lowres.serving.files import read_files
from mtl_lowres.serving.predictor import Predictor

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
        predictor: a `Predictor` with a task that answers an embedding.
        folder: of the enrolled images; other files than images (and, for a model of clips, videos)
            are ignored.
        threshold: cosine from which it is the same person; default: the calibrated one that holds
            for the file's resolution.
        degrade: another recipe than the model's own.

    Raises:
        InputError: if no task answers an embedding, no threshold is known, nobody is enrolled, or
            an enrolled file cannot be read (otherwise its person would silently be unknown).

    Attributes:
        names: of the person on each enrolled image.
    """

    def __init__(
        self,
        predictor: Predictor,
        folder: str | Path,
        threshold: float | None = None,
        degrade: str | None = None,
    ):
        task = _embedding_task(predictor)
        if task is None:
            raise InputError(
                f"gallery {str(folder)!r}: no head of the model has an embedding, only "
                f"{', '.join(predictor.tasks)}: train one that has, such as embedding()"
            )
        self._entries = entries_of(predictor, "threshold", task)
        self._threshold = threshold
        if threshold is not None and not -1 <= threshold <= 1:
            raise InputError(f"threshold {threshold} is no cosine: give a number from -1 to 1")
        if threshold is None and not self._entries:
            raise InputError(
                f"gallery {str(folder)!r}: no threshold is known for the task {task!r}: run "
                "`mtl-lowres calibrate` on validation people, or give --threshold"
            )
        self._predictor, self._answer = predictor, f"{task}_embedding"
        people = enrolled_files(folder, clips=len(predictor.input_shape) == 4)
        self.names = [name for name, _ in people]
        enrolled = []
        for batch in read_files(predictor, [path for _, path in people], degrade):
            for place in batch.places:
                if "error" in place:
                    raise InputError(
                        f"gallery image {place['path']}: {place['error']}: mend or remove it"
                    )
            enrolled.append(self._embedded(batch.samples))
        self._enrolled = np.concatenate(enrolled)

    def name(self, images: np.ndarray, sides: Sequence[int]) -> list[dict]:
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

    def _embedded(self, images: np.ndarray) -> np.ndarray:
        """Return the embeddings of images and mirror images side by side, of length 1, [n, 2 d]."""
        both = [images, mirror_images(tf.constant(images)).numpy()]
        joined = np.hstack([self._predictor(each)[self._answer] for each in both])
        return tf.math.l2_normalize(joined, axis=1).numpy()


def _embedding_task(predictor: Predictor) -> str | None:
    """Return the task whose embedding tells people apart: the first calibrated, else the first."""
    tasks = [task for task in predictor.tasks if f"{task}_embedding" in predictor.names]
    calibrated = [task for task in tasks if entries_of(predictor, "threshold", task)]
    return next(iter(calibrated + tasks), None)


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
