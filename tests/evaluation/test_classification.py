"""Classification metrics against hand-made tables, scikit-learn and exhaustive resampling."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, top_k_accuracy_score

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation import classification_metrics, format_mean_std, summarise_seeds


def one_hot(predicted, classes):
    return np.eye(classes)[np.asarray(predicted, int)]


@pytest.fixture
def random_case():
    random = np.random.default_rng(3)
    truth = random.integers(0, 7, 200)
    probabilities = random.dirichlet(np.ones(7), 200)
    probabilities[np.arange(200), truth] += random.random(200) * 0.5
    subjects = random.integers(0, 6, 200)
    return truth, probabilities, subjects


def test_a_case_worked_by_hand():
    """truth 0 0 1 1 2, predicted 0 1 1 1 0.

    class 0: TP 1 FP 1 FN 1 -> F1 1/2;  class 1: TP 2 FP 1 -> P 2/3, R 1, F1 4/5;  class 2: 0.
    macro = (1/2 + 4/5 + 0) / 3 = 13/30; accuracy 3/5; one-vs-rest: 3/5, 4/5, 4/5 -> 11/15.
    """
    metrics = classification_metrics(
        [0, 0, 1, 1, 2], one_hot([0, 1, 1, 1, 0], 3), class_names=["a", "b", "c"]
    )
    assert metrics["macro_f1"] == pytest.approx(13 / 30)
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    assert metrics["one_vs_rest_accuracy"] == pytest.approx(11 / 15)
    assert metrics["confusion_matrix"] == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert metrics["per_class"][1] == pytest.approx(
        {"name": "b", "precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    )
    assert metrics["per_class"][2]["precision"] == 0.0
    assert "top5_accuracy" not in metrics
    assert (metrics["n"], metrics["n_subjects"]) == (5, 0)


def test_agrees_with_scikit_learn(random_case):
    truth, probabilities, _ = random_case
    metrics = classification_metrics(truth, probabilities)
    predicted = probabilities.argmax(axis=1)
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert metrics["top5_accuracy"] == pytest.approx(
        top_k_accuracy_score(truth, probabilities, k=5)
    )


def test_one_vs_rest_accuracy_explains_the_published_figure():
    """Of 38 classes, top-1 79.86 % gives 1 - 2 * 0.2014 / 38 = 0.9894, LowNet's "accuracy"."""
    truth = np.tile(np.arange(38), 263)[:9986]
    wrong = np.arange(len(truth)) < round(0.2014 * len(truth))
    predicted = np.where(wrong, (truth + 1) % 38, truth)
    metrics = classification_metrics(truth, one_hot(predicted, 38), bootstrap=0)
    assert metrics["accuracy"] == pytest.approx(0.7986, abs=1e-4)
    assert metrics["one_vs_rest_accuracy"] == pytest.approx(0.9894, abs=1e-4)


def test_macro_f1_ignores_a_class_that_nobody_shows_or_predicts():
    assert classification_metrics([0, 1], one_hot([0, 1], 5))["macro_f1"] == 1.0
    # Class 4 predicted once and never true: it counts, with F1 0; class 1: never predicted.
    metrics = classification_metrics([0, 1], one_hot([0, 4], 5))
    assert metrics["macro_f1"] == pytest.approx(1 / 3)


def test_equal_probabilities_count_for_the_first_class():
    metrics = classification_metrics([0, 5], np.full((2, 6), 1 / 6))
    assert metrics["accuracy"] == 0.5
    assert metrics["top5_accuracy"] == 0.5


@pytest.mark.parametrize(
    "truth",
    [
        [0, -1, 1, -1],
        [0, None, 1, None],
        np.array([0, np.nan, 1, np.nan]),
        pd.Series([0, pd.NA, 1, pd.NA], dtype="Int64", index=[9, 3, 5, 7]),
    ],
)
def test_unlabelled_samples_are_left_out(truth):
    metrics = classification_metrics(truth, one_hot([0, 1, 1, 0], 2), subjects=[1, 2, 3, 4])
    assert (metrics["n"], metrics["n_subjects"], metrics["accuracy"]) == (2, 2, 1.0)


@pytest.mark.parametrize("truth", [[], [-1, -1]])
def test_no_labelled_sample_gives_none_and_not_nan(truth):
    metrics = classification_metrics(truth, np.full((len(truth), 6), 1 / 6))
    assert metrics["n"] == 0
    assert metrics["interval"] is None
    assert {metrics[name] for name in ("macro_f1", "accuracy", "top5_accuracy")} == {None}
    assert np.sum(metrics["confusion_matrix"]) == 0
    assert [row["support"] for row in metrics["per_class"]] == [0] * 6
    json.dumps(metrics, allow_nan=False)


def test_one_sample_and_one_class():
    metrics = classification_metrics([0], [[0.3]])
    assert metrics["macro_f1"] == metrics["accuracy"] == metrics["one_vs_rest_accuracy"] == 1.0
    assert metrics["interval"] is None


def test_result_survives_json(random_case):
    metrics = classification_metrics(*random_case, class_names=list("abcdefg"))
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_interval_over_people_agrees_with_every_possible_resample(random_case):
    """Four people drawn with replacement: the 4^4 = 256 resamples are equally likely."""
    truth, probabilities, _ = random_case
    subjects = np.arange(200) % 4
    metrics = classification_metrics(truth, probabilities, subjects, bootstrap=4000)
    predicted = probabilities.argmax(axis=1)
    scores = []
    for people in itertools.product(range(4), repeat=4):
        rows = np.concatenate([np.flatnonzero(subjects == person) for person in people])
        macro_f1 = f1_score(truth[rows], predicted[rows], average="macro")
        scores.append((macro_f1, accuracy_score(truth[rows], predicted[rows])))
    low, high = np.quantile(scores, [0.025, 0.975], axis=0)
    assert metrics["bootstrap_over"] == "subjects"
    assert metrics["n_subjects"] == 4
    assert metrics["interval"]["macro_f1"] == pytest.approx([low[0], high[0]], abs=0.005)
    assert metrics["interval"]["accuracy"] == pytest.approx([low[1], high[1]], abs=0.005)


def test_interval_over_samples_is_the_binomial_one(random_case):
    truth, probabilities, _ = random_case
    metrics = classification_metrics(truth, probabilities, bootstrap=4000)
    share = metrics["accuracy"]
    half = 1.96 * np.sqrt(share * (1 - share) / len(truth))
    assert metrics["bootstrap_over"] == "samples"
    assert metrics["interval"]["accuracy"] == pytest.approx([share - half, share + half], abs=0.015)


def test_interval_over_people_is_wider_when_people_differ():
    """Two of four people always right, two always wrong: accuracy of a resample is k/4."""
    subjects = np.repeat(["a", "b", "c", "d"], 50)
    predicted = np.repeat([0, 0, 1, 1], 50)
    metrics = classification_metrics(np.zeros(200, int), one_hot(predicted, 2), subjects)
    assert metrics["interval"]["accuracy"] == [0.0, 1.0]


def test_where_classes_are_people_samples_are_drawn():
    """Of three people with 40 images each, 30, 20 and 40 are recognised: 90 of 120."""
    truth = np.repeat([0, 1, 2], 40)
    predicted = truth.copy()
    predicted[:10] = 1
    predicted[40:60] = 2
    subjects = np.array(["anna", "ben", "chloé"])[truth]
    metrics = classification_metrics(truth, np.eye(3)[predicted], subjects)
    low, high = metrics["interval"]["accuracy"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / 120)
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.015)
    low, high = metrics["interval"]["macro_f1"]
    assert low < metrics["macro_f1"] < high
    assert (metrics["bootstrap_over"], metrics["n_subjects"]) == ("samples", 3)
    # As soon as one class is shown by two people, it is a property that people share.
    subjects[0] = "ben"
    metrics = classification_metrics(truth, np.eye(3)[predicted], subjects)
    assert metrics["bootstrap_over"] == "subjects"


def test_interval_follows_the_seed(random_case):
    first, again, other = (
        classification_metrics(*random_case, bootstrap=50, seed=seed)["interval"]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_one_person_gives_no_interval():
    metrics = classification_metrics([0, 1], one_hot([0, 1], 2), subjects=["p", "p"])
    assert (metrics["interval"], metrics["n_subjects"]) == (None, 1)
    assert metrics["bootstrap_over"] == "subjects"


def test_samples_without_a_subject_are_one_more_person():
    subjects = ["p", "p", None, np.nan]
    metrics = classification_metrics([0, 0, 0, 0], one_hot([0, 0, 1, 1], 2), subjects)
    assert metrics["n_subjects"] == 1
    assert metrics["interval"]["accuracy"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"truth": [0, 1, 0], "probabilities": [[1, 0], [0, 1], [np.nan, 1]]}, ["row 2", "nan"]),
        ({"truth": [0, 2], "probabilities": np.eye(2)}, ["row 1", "class 2", "2 classes"]),
        ({"truth": [0, -3], "probabilities": np.eye(2)}, ["row 1", "-3"]),
        ({"truth": [0, 0.5], "probabilities": np.eye(2)}, ["class indices"]),
        ({"truth": ["sit", "run"], "probabilities": np.eye(2)}, ["class indices"]),
        ({"truth": [0], "probabilities": np.eye(2)}, ["1 truths", "2 rows"]),
        ({"truth": [0], "probabilities": [0.5]}, ["(1,)"]),
        ({"truth": [0, 1], "probabilities": np.eye(2), "class_names": ["a"]}, ["1 class names"]),
        ({"truth": [0, 1], "probabilities": np.eye(2), "subjects": [1]}, ["1 subjects"]),
    ],
)
def test_errors_name_the_row_and_the_value(arguments, parts):
    with pytest.raises(InputError) as caught:
        classification_metrics(**arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


def test_summary_over_seeds():
    runs = [{"macro_f1": value, "n": 10, "interval": None} for value in (0.90, 0.92, 0.97)]
    summary = summarise_seeds(runs)
    assert list(summary) == ["macro_f1"]
    # Deviations -0.03, -0.01, 0.04: sum of squares 0.0026, over n - 1 = 2.
    assert summary["macro_f1"] == {
        "mean": pytest.approx(0.93),
        "std": pytest.approx(np.sqrt(0.0013)),
        "n": 3,
        "values": [0.90, 0.92, 0.97],
    }
    assert format_mean_std(summary["macro_f1"], digits=3) == "0.930 ± 0.036 (n=3)"


def test_summary_of_one_seed_has_no_deviation():
    summary = summarise_seeds([{"accuracy": 0.5}])
    assert summary["accuracy"] == {"mean": 0.5, "std": None, "n": 1, "values": [0.5]}
    assert format_mean_std(summary["accuracy"]) == "0.5000 (n=1)"


def test_summary_leaves_out_runs_without_the_figure():
    assert summarise_seeds([]) == {}
    summary = summarise_seeds([{"accuracy": 0.5}, {"accuracy": None}, {"accuracy": 0.7}])
    assert (summary["accuracy"]["mean"], summary["accuracy"]["n"]) == (pytest.approx(0.6), 2)


def test_imports_without_tensorflow():
    program = "import sys, mtl_lowres.evaluation; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
