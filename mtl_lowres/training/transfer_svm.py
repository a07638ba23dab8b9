"""Linear SVMs on what a feature transfer takes and gives, and their figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.manifest import CONTINUOUS_TASKS, check_manifest, task_classes
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.average_precision import compare_inputs
from mtl_lowres.evaluation.linear_svm import LinearSVM, check_svm_labels, fit_linear_svm

ALL_CLASSES = "all classes"


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Which rows of a store are for training and for testing, and their labels.

    Attributes:
        train: positions of the rows of split `train`, int64.
        test: those of split `test`; perhaps none.
        labels: task -> label of every row, float64, NaN where it is missing.
        names: task -> name of each class.
    """

    train: np.ndarray
    test: np.ndarray
    labels: dict[str, np.ndarray]
    names: dict[str, list[str]]

    @classmethod
    def of(cls, manifest: pd.DataFrame, tasks: Sequence[str]) -> "LabelledRows":
        """Return the rows of a manifest and the labels of some of its columns.

        Raises:
            InputError: if a column is missing, no classes or cannot be used, there is no training
                row, or a class has fewer than two.
        """
        for task in tasks:
            if task in CONTINUOUS_TASKS:
                raise InputError(
                    f"task {task!r} is a number, but an SVM tells classes: leave it out"
                )
        check_manifest(manifest, tasks=tasks, files=False)
        split = manifest["split"] if "split" in manifest else pd.Series("train", manifest.index)
        train, test = (np.flatnonzero(split == name) for name in ("train", "test"))
        if not len(train):
            raise InputError("no row of the store has the split 'train': nothing to fit on")
        known = manifest.attrs.get("classes", {})
        counts = task_classes(manifest, tasks)
        names = {t: known.get(t) or [str(index) for index in range(counts[t])] for t in tasks}
        labels = {t: manifest[t].to_numpy(np.float64, na_value=np.nan) for t in tasks}
        rows = cls(train, test, labels, names)
        for task in tasks:
            try:
                check_svm_labels(rows.training_labels(task)[1], names[task])
            except InputError as error:
                raise InputError(f"task {task!r}: {error}") from error
        return rows

    def training_labels(self, task: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of the training rows with a label of a task, and these, int64."""
        known = self.train[np.isfinite(self.labels[task][self.train])]
        return known, self.labels[task][known].astype(np.int64)


def fit_svms(
    inputs: Mapping[str, np.ndarray],
    rows: LabelledRows,
    *,
    folds: int,
    seed: int,
    progress: bool = False,
) -> dict[str, dict[str, LinearSVM]]:
    """Return input -> task -> the SVM fitted on its labelled training rows.

    Args:
        inputs: name -> features float32 [rows, d] of all rows.
        rows: of the features.
        folds: of the cross-validation that chooses C.
        seed: of the folds and the solver.
        progress: show a progress bar.
    """
    fitted = {name: {} for name in inputs}
    jobs = [(name, task) for task in rows.labels for name in inputs]
    for name, task in tqdm(jobs, "SVM", unit="fit", delay=2, disable=not progress):
        known, labels = rows.training_labels(task)
        fitted[name][task] = fit_linear_svm(
            inputs[name][known], labels, folds=folds, seed=seed, class_names=rows.names[task]
        )
    return fitted


def test_figures(
    inputs: Mapping[str, np.ndarray],
    svms: Mapping[str, Mapping[str, LinearSVM]],
    rows: LabelledRows,
) -> dict[str, dict]:
    """Return table -> input -> figures on the test rows, as `compare_inputs` gives them.

    A table is of a task, but several tasks of two classes each, such as the objects that an image
    may show, are the classes of one table. A task without a labelled test row has none.

    Args:
        inputs: `hr`, `lr` and others, as in `fit_svms`.
        svms: what `fit_svms` gave for them.
        rows: of the features.
    """
    scores = {
        name: {task: svm.scores(features[rows.test]) for task, svm in svms[name].items()}
        for name, features in inputs.items()
    }
    labels = {task: values[rows.test] for task, values in rows.labels.items()}
    measured = [task for task in labels if np.isfinite(labels[task]).any()]
    together = [task for task in measured if len(rows.names[task]) == 2]
    together = together if len(together) > 1 else []
    tables = {}
    if together:
        of_inputs = {
            name: np.stack([own[task][:, 1] for task in together], axis=1)
            for name, own in scores.items()
        }
        truth = np.stack([labels[task] for task in together], axis=1)
        tables[ALL_CLASSES] = compare_inputs(of_inputs, truth, together)
    for task in measured:
        if task not in together:
            of_inputs = {name: own[task] for name, own in scores.items()}
            tables[task] = compare_inputs(of_inputs, labels[task], rows.names[task])
    return tables
