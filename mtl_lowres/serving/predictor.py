"""A model as a function: from a run, a SavedModel or a TensorFlow Lite file to its answers."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import apply_temperature
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.calibrated import entries_of, value_for
from mtl_lowres.serving.files import Batch
from mtl_lowres.serving.frames import check_range
from mtl_lowres.serving.items import Items, read_items
from mtl_lowres.serving.networks import open_network
from mtl_lowres.serving.words import in_words, probabilities_of, table_columns, table_row

# Of one call of the network; more would take memory and be no faster.
_VALUES_AT_ONCE = 2**20
_LEAST_PROBABILITY = 1e-30
_BITS_OF_ONE = np.float32(1).view(np.uint32)

if TYPE_CHECKING:
    from mtl_lowres.serving.gallery import Gallery  # which asks a predictor


class Predictor:
    """A model that answers: arrays for arrays, and words for files, videos and images in memory.

    What is loaded is traced and called once here, so that the first call is as fast as any. It is
    safe to call from several threads; calls of a TensorFlow Lite file wait for each other.

    Args:
        source: folder of a run or of its model; of a SavedModel of `mtl_lowres.export`, or of its
            versions, of which the newest is taken; a `.tflite` file of `mtl-lowres tflite`, with
            `tflite.json` beside it; or a model of `build_model`.

    Raises:
        InputError: if it is missing, none of these, or damaged.

    Attributes:
        input_shape: of one sample.
        names: of the answers, such as `posture_label`.
        tasks: task -> `classes`, the names, or `unit`; as in `labels.json`.
        description: `input_shape`, `degrade`, `clip`, `calibration` and `tasks`.

    Example:
        >>> predictor = Predictor("runs/a")
        >>> predictor(samples)["posture_probabilities"].shape  # samples float32 [2, 16, 16, 3]
        (2, 38)
        >>> predictor.table(["anna.jpg", "ben.jpg"])
               file  posture  posture confidence  age (years) error
        0  anna.jpg      sit               0.981         31.4
        1   ben.jpg    stand               0.874         52.0
    """

    def __init__(self, source: MultiTaskModel | str | Path):
        self._network = open_network(source)
        self.description = self._network.description
        self.input_shape = tuple(self.description["input_shape"])
        self.tasks = self.description["tasks"]
        self._at_once = max(1, _VALUES_AT_ONCE // math.prod(self.input_shape))
        blank = self._network(np.zeros((1, *self.input_shape), np.float32))
        self._check_answers(source, blank)
        self._classes = self._find_classes(blank)
        self.names = list(self._with_labels(blank))
        # At the network's own size, by task.
        own_side = tf.constant([min(self.input_shape[-3:-1])])
        self._temperatures = {
            task: float(value_for(entries, "temperature", own_side)[0])
            for task in self._classes
            if (entries := entries_of(self, "temperature", task))
        }

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return the answers for samples as the network sees them, at low resolution already.

        Args:
            samples: floats [n, *input_shape], n at least 1, in [0, 1]; of stored unit features any
                finite numbers.

        Returns:
            For a task of classes `<task>_probabilities` float32 [n, classes] (calibrated where the
            model is), `<task>_class` int64 [n] and `<task>_label` text [n], with `<task>_embedding`
            float32 [n, d] where the head has one; `<task>_years` float32 [n] and perhaps
            `<task>_std_years` for age. The names are those of the exported SavedModel.

        Raises:
            InputError: if samples have another shape or type, or values out of range.
        """
        samples = self._checked(samples)
        answers = self._answers(samples)
        if not self._network.calibrated:
            self._temper(answers, self._temperatures)
        return self._with_labels(answers)

    def table(self, items: Items, **options) -> pd.DataFrame:
        """Return the answers in words as a table; arguments are those of `answers`.

        Returns:
            A row for each of `answers`. The columns: `file`, or `sample` for arrays; `start` and
            `stop` where a row is of a part of a file; `<task>` and `<task> confidence` of classes,
            `<task> (<unit>)` of numbers, none of an embedding; `person` and `similarity` with a
            gallery; `error`, empty or why there is no answer.
        """
        rows = [table_row(answer, self.tasks) for answer in self.answers(items, **options)]
        table = pd.DataFrame(rows, columns=table_columns(rows, self.tasks))
        # Whole numbers, though images have none beside the frames of a video.
        return table.astype({name: "Int64" for name in ("start", "stop") if name in table})

    def answers(
        self,
        items: Items,
        *,
        window: int | None = None,
        every: int | None = None,
        degrade: str | None = None,
        gallery: "Gallery | None" = None,
    ) -> Iterator[dict]:
        """Yield one answer an item, in words and in order, while the items are read.

        Images and clips of any size are degraded by the model's own recipe. A model of clips
        answers once a file, of which its own rule picks the frames (`uniform` where it has none),
        or with `window` once for each part of a long video. A model of images answers once for
        each frame of a video.

        Confidences of a calibrated model are those at the temperature of the largest calibrated
        size not above the item's (of the smallest for an item below all), by their shorter sides.

        Args:
            items: paths of images, videos and arrays (`.npy`, `.npz`), one or several; a manifest
                with `path` and perhaps `start` and `stop`; or images [h, w, 3] or clips [T, h, w,
                3] in memory, a sequence of any sizes or one array, uint8 or floats in [0, 1].
            window: frames of a part of a video; for a model of clips.
            every: a part, or for a model of images an answer, at each `every`-th frame of a video;
                default: `window`, or 1. Frames behind the last whole part are left out.
            degrade: another recipe than the model's own.
            gallery: enrolled people, among whom each item's is looked for.

        Yields:
            `{"path", "ok": True, "calibrated", <task>: {"label", "index", "confidence"}, ...}`,
            with `{"label", "value", "unit"}` for age and `{"label", "embedding"}` for an embedding;
            `calibrated` says whether a confidence is at a temperature. `start` and `stop` tell the
            frames of a part, `sample` stands for `path` for arrays, and with a gallery `gallery` is
            what `Gallery.name` returns. `{"path", "ok": False, "error": reason}` for a file that
            cannot be read.

        Raises:
            InputError: if there is no item, or an argument cannot be used.
        """
        calibrated = bool(self.description["calibration"].get("temperature"))
        for batch in read_items(self, items, window, every, degrade):
            words = iter(self._words(batch, gallery) if len(batch.samples) else ())
            for place in batch.places:
                if reason := place.pop("error", None):
                    yield place | {"ok": False, "error": reason}
                else:
                    yield place | {"ok": True, "calibrated": calibrated} | next(words)

    def _words(self, batch: Batch, gallery: "Gallery | None") -> list[dict]:
        """Return what is answered for a batch, at the temperatures of the images' sizes."""
        answers = self._answers(batch.samples)
        sides = tf.constant(batch.sides, tf.int32)
        wanted = {
            task: value_for(entries_of(self, "temperature", task), "temperature", sides).numpy()
            for task in self._temperatures
        }
        self._temper(answers, wanted)
        words = in_words(self._with_labels(answers), self.tasks)
        if gallery is None:
            return words
        people = gallery.name(batch.samples, batch.sides)
        return [word | {"gallery": person} for word, person in zip(words, people, strict=True)]

    def _answers(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the network serves for samples float32 [n, *input_shape]."""
        if len(samples) <= self._at_once:
            return self._network(samples)
        parts = [
            self._network(samples[first : first + self._at_once])
            for first in range(0, len(samples), self._at_once)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _with_labels(self, answers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Add class and label of each task of classes to the answers, and return them."""
        for scores, place, label, names in self._classes.values():
            answers[place] = index = answers[scores].argmax(axis=-1)
            answers[label] = names[index]
        return answers

    def _find_classes(self, answers: dict[str, np.ndarray]) -> dict[str, tuple]:
        """Return task -> the names of its scores, class and label, and of its classes [n]."""
        found = {}
        for task, known in self.tasks.items():
            for scores in (f"{task}_probabilities", f"{task}_scores"):
                if scores in answers:
                    names = known.get("classes") or range(answers[scores].shape[-1])
                    texts = np.array([str(name) for name in names])
                    found[task] = scores, f"{task}_class", f"{task}_label", texts
        return found

    def _temper(self, answers: dict[str, np.ndarray], wanted: dict) -> None:
        """Bring the network's probabilities to the temperatures wanted, one a task or a sample."""
        for task, temperature in wanted.items():
            ratio = (
                temperature / self._temperatures[task] if self._network.calibrated else temperature
            )
            if np.all(ratio == 1):
                continue
            scores = self._classes[task][0]
            tempered = apply_temperature(probabilities_of(answers, task), ratio)
            if scores.endswith("_scores"):
                tempered = np.log(np.maximum(tempered, _LEAST_PROBABILITY))
            answers[scores] = tempered.astype(np.float32)

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        """Return samples as float32, if the network can take them."""
        samples = np.asarray(samples)
        if samples.shape[1:] != self.input_shape or not len(samples):
            alone = samples.shape == self.input_shape
            raise InputError(
                f"samples of shape {samples.shape} cannot be used: give [n, "
                f"{', '.join(map(str, self.input_shape))}], at least one"
                + (", as samples[np.newaxis]" if alone else "; `table` takes images of any size")
            )
        if samples.dtype.kind != "f":
            raise InputError(
                f"samples hold {samples.dtype}: give floats in [0, 1], as pixels / 255"
            )
        if samples.dtype != np.float32:
            samples = samples.astype(np.float32)
        if len(self.input_shape) > 2:
            # Of floats that are not negative the bits ascend with the value, and those of negative
            # numbers and of NaN lie above: one pass for what nearly always holds.
            if samples.view(np.uint32).max() > _BITS_OF_ONE:
                check_range(samples, "samples")
        elif not np.isfinite(samples).all():
            raise InputError("samples hold NaN or infinite values: leave such rows out")
        return samples

    def _check_answers(self, source, answers: dict[str, np.ndarray]) -> None:
        """Check that every task's answers are there under the names that are read here."""
        for task, known in self.tasks.items():
            names = {f"{task}_{name}" for name in ("probabilities", "scores", "embedding")}
            if not (names | {f"{task}_{known.get('unit')}"}) & set(answers):
                raise InputError(
                    f"{source} answers {', '.join(answers)}, none of which is read for the task "
                    f"{task!r}: write it again with this version"
                )
