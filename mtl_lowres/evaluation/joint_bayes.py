"""A metric learned from people's embeddings: are two images likelier of one person or of two?

Source: Chen et al., "Bayesian face revisited: a joint formulation" (ECCV 2012), equations 4 to 6.
An embedding is the sum of a person's own vector and of the deviation of the image, both Gaussian.
Deviations: their covariances are shrunk moments in place of the paper's expectation maximisation;
the ratio is computed on axes that make both covariances diagonal, and with its constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import checked_subjects
from mtl_lowres.evaluation.pairs import form_pairs
from mtl_lowres.evaluation.verification import best_threshold, roc_curve

SHRINKS = (0.2, 0.4, 0.6, 0.8, 0.9)
_MOST_PAIRS = 5000


@dataclass(frozen=True)
class JointBayes:
    """What `fit_joint_bayes` has learned.

    Attributes:
        mean: of the embeddings, float64 [d].
        within: covariance of the images of one person, positive definite, float64 [d, d].
        between: covariance of the people, float64 [d, d]; its negative parts count as 0.
    """

    mean: np.ndarray
    within: np.ndarray
    between: np.ndarray

    def scores(self, first: ArrayLike, second: ArrayLike) -> np.ndarray:
        """Return the logarithm of how much likelier each pair is of one person than of two.

        Args:
            first: embeddings [n, d] of the first images.
            second: those of the second images, [n, d].

        Returns:
            float64 [n]; above 0 where one person is likelier, if both are equally frequent.

        Raises:
            InputError: if the shapes disagree or a value is not finite.
        """
        first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
        if first.shape != second.shape or first.ndim != 2 or first.shape[1] != len(self.mean):
            raise InputError(
                f"embeddings of shapes {first.shape} and {second.shape} do not fit a metric of "
                f"width {len(self.mean)}: give [n, {len(self.mean)}] twice"
            )
        _check_finite(first)
        _check_finite(second)
        projection, ratio = self._axes
        first, second = (first - self.mean) @ projection, (second - self.mean) @ projection
        # Along an axis people vary by r = `ratio` and images of one by 1: two images have the
        # covariance [[r + 1, r], [r, r + 1]] if of one person, [[r + 1, 0], [0, r + 1]] if of two.
        of_one, of_two = 2 * ratio + 1, (ratio + 1) ** 2
        products = (first * second) @ (ratio / of_one)
        squares = (first**2 + second**2) @ (ratio**2 / ((ratio + 1) * of_one))
        return products - squares / 2 + np.log(of_two / of_one).sum() / 2

    @cached_property
    def _axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return [d, d], onto axes with variance 1 within people, and that between them [d]."""
        whitening = np.linalg.inv(np.linalg.cholesky(self.within))
        ratio, axes = np.linalg.eigh(whitening @ self.between @ whitening.T)
        return whitening.T @ axes, np.maximum(ratio, 0)


def fit_joint_bayes(embeddings: ArrayLike, people: ArrayLike, shrink: float = 0.5) -> JointBayes:
    """Learn how embeddings of one person vary, and how those of different people.

    An image of a person with n images counts 1 / sqrt(n), so that the people with most images do
    not decide alone.

    Args:
        embeddings: [n, d], as the network gives them.
        people: who each image shows [n]; images whose person is missing are left out. People with
            one image tell only how people differ.
        shrink: share in (0, 1] of the mean variance, the same in every direction, in both
            covariances; the more the fewer images there are.

    Raises:
        InputError: if the shapes disagree, a value is not finite, `shrink` is out of range, fewer
            than two people have two images, or the images of every person are all alike.

    Example:
        >>> metric = fit_joint_bayes([[0.0], [1.0], [5.0], [6.0]], ["ann", "ann", "bob", "bob"])
        >>> metric.scores([[0.5], [0.5]], [[1.0], [6.0]]).round(1)
        array([  1.2, -13. ])
    """
    if not 0 < shrink <= 1:
        raise InputError(f"shrink={shrink!r}: give a share above 0 and up to 1")
    embeddings, numbers = _checked(embeddings, people)
    counts = np.bincount(numbers)
    if (counts >= 2).sum() < 2:
        raise InputError(
            f"{(counts >= 2).sum()} people have two images: joint Bayes needs at least two"
        )
    centres = pd.DataFrame(embeddings).groupby(numbers).mean().to_numpy()
    weights = 1 / np.sqrt(counts[numbers])
    mean = weights @ embeddings / weights.sum()
    total = _scatter(embeddings - mean, weights) / weights.sum()
    within = _scatter(embeddings - centres[numbers], weights)
    within /= ((counts - 1) / np.sqrt(counts)).sum()
    if not np.trace(within) > 0:
        raise InputError("the images of every person have one embedding: give different images")
    return JointBayes(mean, _shrunk(within, shrink), _shrunk(total - within, shrink))


def choose_shrink(
    embeddings: ArrayLike, people: ArrayLike, choices: Sequence[float] = SHRINKS
) -> float:
    """Return the share to shrink by that serves best on people whom the metric has not seen.

    The people are dealt into two halves, each with people of many and of few images. The best has
    the largest area under the ROC curve, the mean of both halves, over pairs of the images of one
    half scored by the metric of the other. The same input gives the same answer.

    Args:
        embeddings: [n, d].
        people: who each image shows [n]; images whose person is missing are left out.
        choices: what to try; of equally good ones the first is taken.

    Raises:
        InputError: as `fit_joint_bayes`, and if fewer than four people have two images.
    """
    if not len(choices):
        raise InputError("choices is empty: give at least one share to shrink by")
    embeddings, numbers = _checked(embeddings, people)
    counts = np.bincount(numbers)
    if (counts >= 2).sum() < 4:
        raise InputError(
            f"{(counts >= 2).sum()} people have two images: choosing how far to shrink needs at "
            "least four, two for each half"
        )
    half = np.empty(len(counts), int)
    half[np.argsort(-counts, kind="stable")] = np.arange(len(counts)) % 2
    areas = np.zeros(len(choices))
    for held_out in (0, 1):
        here = half[numbers] == held_out
        first, second, same = form_pairs(numbers[here], most=_MOST_PAIRS)
        first, second = embeddings[here][first], embeddings[here][second]
        for place, shrink in enumerate(choices):
            metric = fit_joint_bayes(embeddings[~here], numbers[~here], shrink)
            areas[place] += _area_under_curve(metric.scores(first, second), same)
    return float(choices[areas.argmax()])


def score_folds(
    embeddings: ArrayLike,
    people: ArrayLike,
    folds: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    same: ArrayLike,
) -> tuple[np.ndarray, dict[int, float]]:
    """Score the pairs of each fold by a metric learned on the images of the other folds.

    How far to shrink is chosen on the other folds too, and so is the threshold: their pairs are
    scored by metrics that have not learned from the fold of the pair, or, where there is but one
    other fold, by one that has, which makes the threshold somewhat worse.

    Args:
        embeddings: of the images, each once [n, d].
        people: who each image shows [n]; an image whose person is missing is not learned from.
        folds: number of the fold of each image [n].
        first: place of the first image of each pair [pairs].
        second: place of the second [pairs], in the same fold.
        same: 1 where the pair shows one person, 0 where it shows two [pairs].

    Returns:
        The scores, float64 [pairs], each on the scale of its fold's metric, and the threshold of
        each fold: a pair is accepted where its score is at least that.

    Raises:
        InputError: as `choose_shrink`, and if there are not two folds or a person is in two.
    """
    embeddings, people = np.asarray(embeddings), np.asarray(people, dtype=object)
    folds, first, second, same = map(np.asarray, (folds, first, second, same))
    _check_people_apart(people, folds)
    scores, thresholds = np.empty(len(first)), {}

    def scores_of(fold: int, learned: np.ndarray, shrink: float) -> np.ndarray:
        metric = fit_joint_bayes(embeddings[learned], people[learned], shrink)
        here = folds[first] == fold
        return metric.scores(embeddings[first[here]], embeddings[second[here]])

    for fold in np.unique(folds[first]):
        others = folds != fold
        parts = np.unique(folds[others])
        shrink = choose_shrink(embeddings[others], people[others])
        scores[folds[first] == fold] = scores_of(fold, others, shrink)
        # Of people whom the metric knows the scores are too good to choose a threshold on.
        unseen = [
            scores_of(part, others & (folds != part) if len(parts) > 1 else others, shrink)
            for part in parts
        ]
        kinds = [same[folds[first] == part] for part in parts]
        thresholds[int(fold)] = best_threshold(np.concatenate(unseen), np.concatenate(kinds))
    return scores, thresholds


def _check_people_apart(people: np.ndarray, folds: np.ndarray) -> None:
    if len(np.unique(folds)) < 2:
        raise InputError(
            f"joint Bayes has images of {len(np.unique(folds))} fold: it is learned on other folds "
            "than it is tested on, so give at least two"
        )
    folds_of = pd.Series(folds).groupby(pd.Series(people)).unique()
    shared = folds_of[folds_of.map(len) > 1]
    if len(shared):
        raise InputError(
            f"person {shared.index[0]!r} is in folds {sorted(shared.iloc[0].tolist())} "
            f"({len(shared)} such people): joint Bayes must not learn from people it is tested on, "
            "so keep each in one fold, or use the cosine"
        )


def _checked(embeddings: ArrayLike, people: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings of known people, float64 [k, d], and the number of each person [k]."""
    embeddings = np.asarray(embeddings, np.float64)
    if embeddings.ndim != 2:
        raise InputError(f"embeddings have shape {embeddings.shape}: give [n, d]")
    people = checked_subjects(people, len(embeddings))
    embeddings = embeddings[people.notna().to_numpy()]
    _check_finite(embeddings)
    return embeddings, pd.factorize(people.dropna(), sort=True)[0]


def _check_finite(embeddings: np.ndarray) -> None:
    bad = ~np.isfinite(embeddings).all(axis=1)
    if bad.any():
        raise InputError(
            f"embedding {bad.argmax()} is not finite ({bad.sum()} such): the model has diverged; "
            "train again with a smaller learning rate"
        )


def _scatter(deviations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (deviations * weights[:, None]).T @ deviations


def _shrunk(covariance: np.ndarray, shrink: float) -> np.ndarray:
    """Return the covariance moved toward the same variance in every direction."""
    width = len(covariance)
    return (1 - shrink) * covariance + shrink * np.trace(covariance) / width * np.eye(width)


def _area_under_curve(scores: np.ndarray, same: np.ndarray) -> float:
    far, tar, _ = roc_curve(scores, same)
    return float(np.diff(far) @ (tar[1:] + tar[:-1]) / 2)
