"""Against the two Gaussians of the model, written out with NumPy, and on made-up people."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.joint_bayes import (
    JointBayes,
    choose_shrink,
    fit_joint_bayes,
    score_folds,
)
from mtl_lowres.evaluation.pairs import form_pairs
from mtl_lowres.evaluation.verification import best_threshold, pair_scores, verification_metrics


def _people(count=120, images=3, noise=(0.5, 0.5, 8.0), seed=0):
    """Embeddings of people, who differ alike in every dimension; images differ by `noise`."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(count), images)
    embeddings = rng.normal(size=(count, len(noise)))[people]
    return embeddings + rng.normal(size=embeddings.shape) * noise, people


def _log_normal(values, covariance):
    quadratic = np.einsum("ni,ij,nj->n", values, np.linalg.inv(covariance), values)
    return -(quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2


def test_one_dimension_by_hand():
    """Between 2 and within 1: both images vary by 3, and together by 2 if of one person.

    Of (x, y) = (1, 1) the ratio is that of exp(-(x^2 + y^2 - 2 * 2/3 x y) / (2 * 3 * 5/9)) /
    sqrt(5/9) to exp(-(x^2 + y^2) / 6): exp(-1/5 + 1/3) * 3 / sqrt(5).
    """
    metric = JointBayes(np.array([4.0]), np.array([[1.0]]), np.array([[2.0]]))
    scores = metric.scores([[5.0], [5.0]], [[5.0], [3.0]])
    constant = np.log(3 / np.sqrt(5))
    np.testing.assert_allclose(scores, [-1 / 5 + 1 / 3 + constant, -1 + 1 / 3 + constant])


def test_scores_are_the_ratio_of_the_two_joint_densities():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 4, 4))
    within, between = roots @ roots.transpose(0, 2, 1)
    mean, first, second = rng.normal(size=4), *rng.normal(size=(2, 50, 4))
    total, nothing = within + between, np.zeros((4, 4))
    both = np.hstack([first - mean, second - mean])
    expected = _log_normal(both, np.block([[total, between], [between, total]]))
    expected -= _log_normal(both, np.block([[total, nothing], [nothing, total]]))
    metric = JointBayes(mean, within, between)
    np.testing.assert_allclose(metric.scores(first, second), expected, atol=1e-9)
    np.testing.assert_allclose(metric.scores(second, first), expected, atol=1e-9)


def test_covariances_by_hand():
    """Ann has two images and counts twice 1/sqrt(2), bob four halves, cy one whole.

    Their deviations are (-1, 0), (1, 0) and twice (0, -2), (0, 2): within is diagonal,
    (2 / sqrt(2), 16 / 2) over (1 / sqrt(2) + 3 / 2).
    """
    people = ["ann", "bob", "bob", "cy", "ann", "bob", None, "bob"]
    embeddings = [[-1, 0], [3, -2], [3, 2], [0, 5], [1, 0], [3, -2], [np.nan, 9], [3, 2]]
    metric = fit_joint_bayes(embeddings, people, shrink=1e-12)
    known = [row for row in range(8) if row != 6]
    embeddings = np.array(embeddings)[known]
    weights = np.array([2**-0.5, 0.5, 0.5, 1, 2**-0.5, 0.5, 0.5])
    np.testing.assert_allclose(metric.mean, np.average(embeddings, axis=0, weights=weights))
    within = np.diag([2 / np.sqrt(2), 8]) / (1 / np.sqrt(2) + 1.5)
    np.testing.assert_allclose(metric.within, within, atol=1e-9)
    total = np.cov(embeddings.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(metric.between, total - within, atol=1e-9)
    half = fit_joint_bayes(embeddings, np.array(people)[known], shrink=0.5).within
    np.testing.assert_allclose(half, within / 2 + np.eye(2) * np.trace(within) / 4, atol=1e-9)


def test_the_model_that_made_the_people_is_found():
    embeddings, people = _people(4000, 4, noise=(0.5, 0.5, 2.0))
    metric = fit_joint_bayes(embeddings, people, shrink=1e-9)
    np.testing.assert_allclose(metric.within, np.diag([0.25, 0.25, 4]), atol=0.2)
    np.testing.assert_allclose(metric.between, np.eye(3), atol=0.2)
    first, second, same = form_pairs(people[:2000], 5000)
    scores = metric.scores(embeddings[first], embeddings[second])
    # A ratio of likelihoods: where it is e, one person is e times as frequent among all same pairs
    # as two people are among all others.
    near = np.abs(scores - 0.5) < 0.25
    observed = np.log(near[same].mean() / near[~same].mean())
    assert observed == pytest.approx(0.5, abs=0.25)


def test_turning_moving_and_scaling_change_nothing():
    embeddings, people = _people()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    moved = 7 * embeddings @ turn + [5, -3, 100]
    first, second, _ = form_pairs(people, 300)
    scores = [
        fit_joint_bayes(e, people, 0.3).scores(e[first], e[second]) for e in (embeddings, moved)
    ]
    np.testing.assert_allclose(*scores, atol=1e-8)


def test_a_noisy_dimension_is_better_left_to_the_metric_than_to_the_cosine():
    embeddings, people = _people(noise=(0.3, 0.3, 8.0))
    others, strangers = _people(noise=(0.3, 0.3, 8.0), seed=1)
    first, second, same = form_pairs(strangers, 300)
    folds = np.arange(len(same)) % 2
    shrink = choose_shrink(embeddings, people, (0.01, 1.0))
    assert shrink == 0.01
    metric = fit_joint_bayes(embeddings, people, shrink)
    learned, cosine = (
        verification_metrics(score(others[first], others[second]), same, folds, bootstrap=0)["auc"]
        for score in (metric.scores, pair_scores)
    )
    assert learned > 0.85 and cosine < 0.65


def test_few_images_of_wide_embeddings_are_shrunk_far_and_always_alike():
    embeddings, people = _people(24, 3, noise=np.full(24, 3.0))
    assert choose_shrink(embeddings, people, (1e-6, 0.9)) == 0.9
    names = np.array([f"Zoë {number:02}" for number in people], object)
    order = np.random.default_rng(0).permutation(len(people))
    assert choose_shrink(embeddings, names) == choose_shrink(embeddings[order], names[order])


@pytest.mark.parametrize("count", [2, 4])
def test_folds_are_scored_by_what_others_have_taught(count):
    """With the same figures as written out; nothing about a fold changes its own metric."""
    embeddings, people = _people(40, 3)
    folds = people % count + 1
    pairs = [form_pairs(people[folds == fold], 30) for fold in range(1, count + 1)]
    places = [np.flatnonzero(folds == fold) for fold in range(1, count + 1)]
    first = np.concatenate([place[pair[0]] for place, pair in zip(places, pairs, strict=True)])
    second = np.concatenate([place[pair[1]] for place, pair in zip(places, pairs, strict=True)])
    same = np.concatenate([pair[2] for pair in pairs]).astype(int)
    scores, thresholds = score_folds(embeddings, people, folds, first, second, same)

    others = folds != 1
    shrink = choose_shrink(embeddings[others], people[others])
    here = folds[first] == 1
    metric = fit_joint_bayes(embeddings[others], people[others], shrink)
    expected = metric.scores(embeddings[first[here]], embeddings[second[here]])
    np.testing.assert_allclose(scores[here], expected)
    unseen = np.full(len(first), np.nan)
    for fold in range(2, count + 1):
        learned = others & (folds != fold) if count > 2 else others
        metric = fit_joint_bayes(embeddings[learned], people[learned], shrink)
        at = folds[first] == fold
        unseen[at] = metric.scores(embeddings[first[at]], embeddings[second[at]])
    assert thresholds[1] == pytest.approx(best_threshold(unseen[~here], same[~here]))

    embeddings[folds == 1] *= 10
    _, after = score_folds(embeddings, people, folds, first, second, np.where(here, 1 - same, same))
    assert after[1] == thresholds[1] and after[2] != thresholds[2]


ALONE = ([[1.0], [2.0], [3.0]], ["ann", "bob", "cy"])
ALIKE = ([[1.0], [1.0], [3.0], [3.0]], ["ann", "ann", "bob", "bob"])
TWO = ([[1.0], [2.0], [3.0], [5.0]], ["ann", "ann", "bob", "bob"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_joint_bayes(*ALONE), "0 people have two images: joint Bayes needs at least"),
        (lambda: fit_joint_bayes(TWO[0][:3], TWO[1][:3]), "1 people have two images"),
        (lambda: fit_joint_bayes(TWO[0], [None] * 4), "0 people have two images"),
        (lambda: fit_joint_bayes(np.zeros((0, 3)), []), "0 people have two images"),
        (lambda: fit_joint_bayes([[1], [np.nan]], ["a", "a"]), r"embedding 1 is not finite \(1"),
        (lambda: fit_joint_bayes([1, 2], ["a", "a"]), r"embeddings have shape \(2,\): give"),
        (lambda: fit_joint_bayes(TWO[0], ["a"]), "1 subjects for 4 samples"),
        (lambda: fit_joint_bayes(*TWO, shrink=0), "shrink=0: give a share above 0"),
        (lambda: fit_joint_bayes(*TWO, shrink=np.nan), "shrink=nan: give a share"),
        (lambda: fit_joint_bayes(*ALIKE), "images of every person have one embedding"),
        (lambda: choose_shrink(*TWO), "2 people have two images: choosing how far"),
        (lambda: choose_shrink(*TWO, choices=()), "choices is empty"),
        (lambda: fit_joint_bayes(*TWO).scores([[1, 2]], [[1, 2]]), "do not fit a metric of width"),
        (lambda: fit_joint_bayes(*TWO).scores([[1]], [[np.inf]]), "embedding 0 is not finite"),
        (
            lambda: score_folds(*TWO, [1, 2, 3, 3], [0], [1], [1]),
            r"person 'ann' is in folds \[1, 2\] \(1 such people\)",
        ),
        (lambda: score_folds(*TWO, [1] * 4, [0], [1], [1]), "images of 1 fold"),
    ],
)
def test_what_cannot_be_learned_or_scored(call, message):
    with pytest.raises(InputError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_people_who_do_not_differ_give_no_evidence():
    embeddings = [[1.0, 0], [-1, 0], [1, 0], [-1, 0]]
    scores = fit_joint_bayes(embeddings, [1, 1, 2, 2]).scores(embeddings, embeddings)
    np.testing.assert_array_equal(scores, np.zeros(4))
