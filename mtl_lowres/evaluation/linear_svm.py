"""Linear support vector machines on stored features, and the choice of their C."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.average_precision import mean_average_precision

C_GRID = (0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class LinearSVM:
    """What `fit_linear_svm` has learned: a plane a class.

    Attributes:
        weights: float32 [d, classes], for features as they are: their standardisation is in it.
        bias: float32 [classes].
        C: of the fit.
        mean_ap: C -> mean average precision on the held-out folds, of each C that was tried; empty
            where C was given.
    """

    weights: np.ndarray
    bias: np.ndarray
    C: float
    mean_ap: dict[float, float] = field(default_factory=dict)

    def scores(self, features: ArrayLike) -> np.ndarray:
        """Return how far on each class's side of its plane each sample lies, float32 [n, classes].

        Args:
            features: [n, d].
        """
        return np.asarray(features, np.float32) @ self.weights + self.bias


def fit_linear_svm(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    C: float | None = None,  # noqa: N803  the letter that everybody knows it by
    folds: int = 5,
    seed: int = 0,
    class_names: Sequence[str] | None = None,
) -> LinearSVM:
    """Fit one linear SVM a class against the rest, with the squared hinge of scikit-learn.

    Each feature is brought to mean 0 and deviation 1 / sqrt(d), so that samples have a length of
    about 1 and one grid of C serves features of any width and scale; a constant feature gets the
    weight 0. Of two classes there is one plane, whose scores are [-s, s].

    Args:
        features: float [n, d] of the training samples.
        labels: class index [n] from 0 on, none missing.
        C: weight of the errors, positive; None chooses the one of `C_GRID` with the highest mean
            average precision over stratified folds, of equal ones the smallest. It stops where a
            larger C is clearly worse, since these are also the ones that take longest.
        folds: how many, at least 2; fewer where a class has fewer samples.
        seed: of the folds and of the solver.
        class_names: one name a class, which tells too how many there are; default: the indices,
            up to the largest label.

    Raises:
        InputError: if a value or shape cannot be used, there is one class only, or a class has one
            sample or none.

    Example:
        >>> svm = fit_linear_svm([[0.0], [1.0], [5.0], [6.0]], [0, 0, 1, 1], C=1.0)
        >>> svm.scores([[0.5], [5.5]]).argmax(axis=1)
        array([0, 1])
    """
    features, labels = _checked(features, labels, class_names)
    if C is not None and not C > 0:
        raise InputError(f"C={C!r} cannot be used: give a number above 0, or None to choose it")
    if folds < 2:
        raise InputError(f"folds={folds!r} cannot be used: give at least 2")
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    varies = deviation > 1e-6 * np.abs(features).max()
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0) / np.sqrt(features.shape[1])
    standard = (features - mean) * scale
    tried = {} if C is not None else _mean_ap_by_c(standard, labels, folds, seed)
    chosen = C if C is not None else max(tried, key=tried.get)
    planes, offsets = _planes(standard, labels, chosen, seed)
    weights = scale[:, None] * planes
    return LinearSVM(
        weights.astype(np.float32),
        (offsets - mean @ weights).astype(np.float32),
        float(chosen),
        tried,
    )


def _mean_ap_by_c(features, labels, folds: int, seed: int) -> dict[float, float]:
    """Return the mean AP on held-out folds of each C, up to where it has clearly fallen."""
    splitter = StratifiedKFold(
        min(folds, np.bincount(labels).min()), shuffle=True, random_state=seed
    )
    splits = list(splitter.split(features, labels))
    tried = {}
    for c in C_GRID:
        values = []
        for train, held_out in splits:
            planes, offsets = _planes(features[train], labels[train], c, seed)
            scores = features[held_out] @ planes + offsets
            values.append(mean_average_precision(scores, labels[held_out]))
        tried[c] = float(np.mean(values))
        if tried[c] < max(tried.values()) - 0.01:
            break
    return tried


def _planes(features, labels, c: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [d, classes] and offsets [classes] of standardised features."""
    svm = LinearSVC(C=c, random_state=seed, max_iter=1000)
    with warnings.catch_warnings():
        # A large C that has not quite converged is judged by its mean AP as it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        svm.fit(features, labels)
    planes, offsets = svm.coef_.T, svm.intercept_
    if planes.shape[1] == 1:
        planes, offsets = np.hstack([-planes, planes]), np.hstack([-offsets, offsets])
    return planes, offsets


def _checked(
    features: ArrayLike, labels: ArrayLike, class_names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    features, labels = np.asarray(features, np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not features.size:
        raise InputError(
            f"features of shape {features.shape} and labels of shape {labels.shape} cannot be "
            "used: give [n, d] and [n], of at least one sample"
        )
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise InputError(f"features of row {row} are not finite: leave the row out")
    check_svm_labels(labels, class_names)
    return features, labels


def check_svm_labels(labels: np.ndarray, class_names: Sequence[str] | None = None) -> None:
    """Check that an SVM can be fitted on labels.

    Args:
        labels: class index [n] from 0 on.
        class_names: one name a class; default: the indices, up to the largest label.

    Raises:
        InputError: if one is no index, there is one class only, or a class has fewer than two.
    """
    if not labels.size:
        raise InputError("no training row has a label: an SVM needs two of each class")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(
            f"labels such as {labels[labels.argmin()]!r} cannot be used: give class indices from 0 "
            "on, and leave unlabelled rows out"
        )
    names = list(class_names or map(str, range(labels.max() + 1)))
    if labels.max() >= len(names):
        raise InputError(f"label {labels.max()} has no name: there are {len(names)}, {names}")
    counts = np.bincount(labels, minlength=len(names))
    if (counts > 0).sum() < 2:
        raise InputError(
            f"all {len(labels)} labelled training rows are of class {names[labels[0]]!r}: an SVM "
            "needs two classes"
        )
    if counts.min() < 2:
        few = int(counts.argmin())
        raise InputError(
            f"class {names[few]!r} has {counts[few]} labelled training "
            f"{'row' if counts[few] else 'rows'}: an SVM needs at least two of each class; add "
            "some, or leave the class out"
        )
