"""What a model answers on the rows of a manifest, as arrays, figures and a table."""

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtl_lowres.data.clip_lengths import clip_lengths
from mtl_lowres.data.clip_views import view_of
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.passes import Passes
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import UNLABELLED, classification_metrics
from mtl_lowres.evaluation.imitation import cosines, imitation_metrics
from mtl_lowres.evaluation.length_buckets import by_length
from mtl_lowres.evaluation.regression import regression_metrics
from mtl_lowres.heads import Head
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.teacher import learns_distances

_ROW = "_row"
_IDENTIFYING = ("path", "start", "stop", "split", "subject")


class Evaluator:
    """Measures models on one set of rows, which are decoded once.

    With several views of each clip, every file is decoded once a view, and what the network puts
    out for them is averaged, whatever the head: class probabilities (an SVM's scores), embeddings,
    and the numbers or distributions that ages are read from.

    Args:
        manifest: the rows to measure on.
        degrade: degradation recipe of the images.
        batch_size: images or clips a step.
        clip: which frames of a video are seen; None for images.
        views: of each clip, see `view_of`; 1 is the clip itself.
        seed: of a random recipe.
        cache: `"memory"`, `"disk"` (in `cache_dir`) or `"none"`.
        cache_dir: folder of the disk cache.
        fast_decode: decode large JPEGs at a reduced scale.
        service: address of a data service, see `make_dataset`.
        embeddings: task -> a teacher's embeddings float32 [rows, d], by which those of a task that
            imitates them are measured; a task without them is not.
        bad_files: collects what cannot be decoded.
        progress: show a progress bar while files are decoded.

    Raises:
        InputError: if there are to be several views of images.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        degrade: str,
        batch_size: int = 256,
        *,
        clip: str | None = None,
        views: int = 1,
        seed: int = 0,
        cache: str = "memory",
        cache_dir=None,
        fast_decode: bool = False,
        service: str | None = None,
        embeddings: dict[str, np.ndarray] | None = None,
        bad_files: BadFiles | None = None,
        progress: bool = False,
    ):
        self.manifest = manifest.reset_index(drop=True)
        self.embeddings = embeddings or {}
        if views != 1 and not clip:
            raise InputError(f"views={views!r} are of clips, but images are measured: leave it out")
        self._clip = clip
        options = {
            "batch_size": batch_size,
            "seed": seed,
            "cache": cache,
            "cache_dir": cache_dir,
            "fast_decode": fast_decode,
            "service": service,
            "bad_files": bad_files,
            "progress": progress,
        }
        rows = self.manifest.assign(**{_ROW: np.arange(len(manifest))})
        texts = [view_of(clip, view, views) for view in range(views)] if clip else [None]
        self._views = [
            Passes(make_dataset(rows, [_ROW], degrade=degrade, clip=text, **options))
            for text in texts
        ]

    def outputs(self, model: MultiTaskModel) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the rows that could be decoded and the model's output of each task for them."""
        views = [_outputs(model, batches) for batches in self._views]
        # A file may end before what one of the views wants of it.
        rows = functools.reduce(np.intersect1d, (rows for rows, _ in views))
        outputs = {}
        for task in model.heads:
            of_views = [of_task[task][np.isin(own, rows)] for own, of_task in views]
            outputs[task] = np.mean(of_views, axis=0) if len(of_views) > 1 else of_views[0]
        return rows, outputs

    @functools.cached_property
    def lengths(self) -> np.ndarray | None:
        """Frames of each row's video, or units of features, float64 [rows]; None for images."""
        return clip_lengths(self.manifest, self._clip) if self._clip else None

    def _measurable(self, model: MultiTaskModel) -> list[tuple[str, Head]]:
        """Return the tasks and heads but those that only embed, where no teacher is known."""
        return [
            (task, head)
            for task, head in model.heads.items()
            if task in self.embeddings or not _only_embeds(head)
        ]

    def truth(self, rows: np.ndarray, task: str) -> np.ndarray:
        """Return the label of each row as float64 [n], NaN where it is missing.

        Of a task that imitates a teacher's embeddings these are returned, float32 [n, d].
        """
        if task in self.embeddings:
            return self.embeddings[task][rows]
        if task not in self.manifest:
            return np.full(len(rows), np.nan)
        return pd.to_numeric(self.manifest[task].iloc[rows]).to_numpy(np.float64, na_value=np.nan)

    def metrics(self, model: MultiTaskModel, bootstrap: int = 1000) -> dict[str, dict]:
        """Return the figures of each task that has a label here."""
        rows, outputs = self.outputs(model)
        return self.metrics_of(model, rows, outputs, bootstrap)

    def metrics_of(
        self, model, rows, outputs, bootstrap: int = 1000, lengths: bool = True
    ) -> dict[str, dict]:
        """Return the figures of outputs that `outputs` returned.

        With `lengths`, those of clips whose lengths differ have `by_length` too, the figures of the
        shorter and of the longer videos; see `mtl_lowres.evaluation.length_buckets.by_length`.
        """
        figures = {}
        for task, _ in self._measurable(model):
            truth = self.truth(rows, task)
            if np.isnan(truth).all():
                continue
            if task in self.embeddings:
                figures[task] = imitation_metrics(
                    outputs[task], truth, directions=not learns_distances(model, task)
                )
                continue
            measure = functools.partial(self._task_metrics, model, task, rows, outputs[task])
            figures[task] = measure(bootstrap)
            if lengths and self.lengths is not None:
                known = np.where(np.isnan(truth), np.nan, self.lengths[rows])
                if buckets := by_length(known, functools.partial(measure, 0)):
                    figures[task]["by_length"] = buckets
        return figures

    def _task_metrics(self, model, task, rows, outputs, bootstrap, places=slice(None)) -> dict:
        """Return the figures of a task for all of `rows`, or for some places among them."""
        head, rows, outputs = model.heads[task], rows[places], outputs[places]
        truth, subjects = self.truth(rows, task), None
        if "subject" in self.manifest:
            subjects = self.manifest["subject"].iloc[rows].to_numpy()
        if head.classes is None:
            return regression_metrics(
                truth, head.values(outputs), subjects=subjects, bootstrap=bootstrap
            )
        return classification_metrics(
            np.nan_to_num(truth, nan=UNLABELLED).astype(np.int64),
            head.probabilities(outputs),
            subjects=subjects,
            class_names=model.class_names.get(task),
            bootstrap=bootstrap,
        )

    def losses(self, model: MultiTaskModel, rows, outputs) -> dict[str, float]:
        """Return the mean loss of each task over the rows that have its label."""
        losses = {}
        for task, head in self._measurable(model):
            truth = self.truth(rows, task)
            known = ~np.isnan(truth if truth.ndim == 1 else truth[:, 0])
            if known.any():
                dtype = np.float32 if head.classes is None else np.int64
                labels = truth[known].astype(dtype)
                losses[task] = float(head.loss()(labels, outputs[task][known]))
        return losses

    def table(self, model: MultiTaskModel, rows, outputs) -> pd.DataFrame:
        """Return one line a row: path, split, subject, and truth and answer of each task.

        Of a task that imitates embeddings it is the cosine between both.
        """
        columns = [c for c in _IDENTIFYING if c in self.manifest]
        table = self.manifest[columns].iloc[rows].reset_index(drop=True)
        for task, head in self._measurable(model):
            truth = self.truth(rows, task)
            if task in self.embeddings:
                if not learns_distances(model, task):
                    table[f"{task}_cosine"] = cosines(outputs[task], truth).round(6)
                continue
            names = model.class_names.get(task)
            answers = head.decode(outputs[task], names)
            if head.classes is None:
                table[f"{task}_truth"] = truth
                table[f"{task}_prediction"] = [round(answer["value"], 2) for answer in answers]
            else:
                table[f"{task}_truth"] = _class_names(truth, names)
                table[f"{task}_prediction"] = [answer["label"] for answer in answers]
                table[f"{task}_confidence"] = [round(answer["confidence"], 6) for answer in answers]
        return table


def _outputs(model: MultiTaskModel, batches: Passes) -> tuple[np.ndarray, dict]:
    """Return the rows, ascending, and the model's output of each task for them."""
    rows, outputs = [], {task: [] for task in model.heads}
    for images, labels, _ in batches:
        rows.append(labels[_ROW].numpy())
        for task, output in model.forward(images).items():
            outputs[task].append(output.numpy())
    return np.concatenate(rows), {task: np.concatenate(o) for task, o in outputs.items()}


def mean_skill(figures: dict[str, dict]) -> float:
    """Return one figure for several tasks: the mean of what counts for each of them.

    That is macro-F1; for ages the gain, 1 - MAE / MAE of the best constant answer, of which 1 is
    perfect and 0 no better than always answering the median; for embeddings the mean cosine to the
    teacher's, or the correlation of distances where directions are free.

    Args:
        figures: task -> what `Evaluator.metrics` gives, at least one.
    """
    return float(np.mean([_skill(task) for task in figures.values()]))


def _skill(figures: dict) -> float:
    for name in ("macro_f1", "cosine_to_teacher", "distance_correlation"):
        if name in figures:
            return figures[name]
    return _gain(figures["mae_years"], figures["median_mae_years"])


def _only_embeds(head: Head) -> bool:
    return head.embeds and head.classes is None and head.unit is None


def _gain(error: float, median_error: float) -> float:
    # Where all are of one age, always answering it is perfect and nothing can be gained.
    return 1 - error / median_error if median_error else 0.0


def _class_names(truth: np.ndarray, names: Sequence[str] | None) -> list[str]:
    """Return the name of each class, empty for a missing label."""
    return [
        "" if np.isnan(label) else str(int(label)) if names is None else names[int(label)]
        for label in truth
    ]
