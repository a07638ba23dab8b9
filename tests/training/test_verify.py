"""Embeddings of one and of two models; no network takes part."""

import numpy as np
import pytest

from mtl_lowres.datasets.pairs import pair_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.joint_bayes import score_folds
from mtl_lowres.evaluation.verification import pair_scores, verification_metrics
from mtl_lowres.training.verify import check_pairs, pair_table, table_figures, verify_embeddings

PEOPLE, IMAGES, FOLDS = 32, 3, 4


@pytest.fixture(scope="module")
def pairs():
    """Every image is in two pairs of one person, and the first ones in a pair of two."""
    first, second = [], []
    for person in range(PEOPLE):
        first += [(person, 0), (person, 1), (person, 2), (person, 0)]
        second += [(person, 1), (person, 2), (person, 0), ((person + FOLDS) % PEOPLE, 0)]
    folds = [person % FOLDS + 1 for person, _ in first]
    same = [int(a == b) for (a, _), (b, _) in zip(first, second, strict=True)]
    paths = [[f"Zoë {person}/{image}.png" for person, image in side] for side in (first, second)]
    manifest = pair_manifest(*paths, same, folds)
    manifest["subject"] = manifest["path"].str.split("/").str[0]
    return manifest


@pytest.fixture(scope="module")
def embedded(pairs):
    """An embedding for every row, the same for the same path, with one noisy dimension."""
    rng = np.random.default_rng(0)
    people = rng.normal(size=(PEOPLE, 6))
    images = people[:, None] + rng.normal(size=(PEOPLE, IMAGES, 6)) * [0.4, 0.4, 0.4, 0.4, 0.4, 9]
    parts = pairs["path"].str.extract(r"(\d+)/(\d)").astype(int).to_numpy().T
    return np.arange(len(pairs)), images[parts[0], parts[1]].astype(np.float32)


def test_cosines_are_those_of_the_rows(pairs, embedded):
    rows, embeddings = embedded
    table = pair_table(rows[::-1], embeddings[::-1], pairs)
    expected = pair_scores(embeddings[::2], embeddings[1::2])
    assert list(table) == ["path_a", "path_b", "same", "fold", "score"]
    np.testing.assert_allclose(table["score"], expected)
    figures = verify_embeddings(rows, embeddings, pairs, bootstrap=10)
    same, folds = (pairs[name].to_numpy(int)[::2] for name in ("same", "fold"))
    expected = verification_metrics(expected, same, folds, bootstrap=10)
    assert figures == {"metric": "cosine", **expected}


def test_joint_bayes_learns_from_each_image_once(pairs, embedded):
    rows, embeddings = embedded
    table = pair_table(rows, embeddings, pairs, metric="joint_bayes")
    image = pairs.drop_duplicates("path")
    place = {path: number for number, path in enumerate(image["path"])}
    scores, thresholds = score_folds(
        embeddings[image.index],
        image["subject"],
        image["fold"].to_numpy(int),
        table["path_a"].map(place),
        table["path_b"].map(place),
        table["same"],
    )
    np.testing.assert_allclose(table["score"], scores)
    assert table["threshold"].tolist() == table["fold"].map(thresholds).tolist()
    figures = table_figures(table, bootstrap=0)
    right = (table["score"] >= table["threshold"]) == (table["same"] == 1)
    assert figures["4fold_accuracy"] == pytest.approx(right.groupby(table["fold"]).mean().mean())
    assert figures["thresholds"] == thresholds
    assert figures["metric"] == "joint Bayes, learned on the other folds' people"
    assert figures["auc"] > verify_embeddings(rows, embeddings, pairs, bootstrap=0)["auc"] + 0.1


@pytest.mark.parametrize("metric", ["cosine", "joint_bayes"])
def test_two_models_are_each_on_their_own(pairs, embedded, metric):
    """The second model's embeddings, wider and of half the rows, change nothing in 1 and 3."""
    rows, embeddings = embedded
    late = np.flatnonzero(pairs["fold"].isin([2, 4]))
    wide = np.hstack([embeddings, embeddings])[late] * 5
    groups = ((1, 3), (2, 4))
    table = pair_table((rows, late), (embeddings, wide), pairs, metric=metric, groups=groups)
    assert table["path_a"].tolist() == pairs["path"].tolist()[::2]
    assert table["group"].tolist() == (1 - table["fold"] % 2).tolist()
    for number, (folds, kept, values) in enumerate(
        [((1, 3), rows, embeddings), ((2, 4), late, wide)]
    ):
        inside = pairs["fold"].isin(folds).to_numpy()
        position = np.cumsum(inside) - 1
        chosen = inside[kept]
        alone = pair_table(position[kept[chosen]], values[chosen], pairs[inside], metric=metric)
        part = table[table["group"] == number].drop(columns="group").reset_index(drop=True)
        np.testing.assert_allclose(part["score"], alone["score"])
        assert part["path_b"].tolist() == alone["path_b"].tolist()
    figures = table_figures(table, bootstrap=5)
    assert len(figures["thresholds"]) == 4 and figures["pairs"] == len(table)


@pytest.mark.parametrize("metric", ["cosine", "joint_bayes"])
def test_pairs_without_an_embedding_are_left_out(pairs, embedded, metric):
    rows, embeddings = embedded
    kept = np.setdiff1d(rows, [3, 12])
    table = pair_table(kept, embeddings[kept], pairs, metric=metric)
    expected = np.delete(pairs["path"].to_numpy()[::2], [1, 6])
    assert table["path_a"].tolist() == expected.tolist()


def _change(pairs, row, **cells):
    changed = pairs.copy()
    for name, value in cells.items():
        changed.loc[row, name] = value
    return changed


def test_pairs_that_a_metric_cannot_be_learned_from(pairs, embedded):
    shared = _change(pairs, [0, 1], fold=2)
    renamed = _change(pairs, range(8), subject="Zoë 1")
    for manifest, options, message in (
        (pairs, {"metric": "plda"}, "metric='plda': give one of cosine, joint_bayes"),
        (pairs, {"metric": "joint_bayes", "subtract_mean": True}, "subtracts a mean of its own"),
        (pairs.drop(columns="subject"), {"metric": "joint_bayes"}, "has no column 'subject'"),
        (shared, {"metric": "joint_bayes"}, "the image is in fold 1 and in fold 2"),
    ):
        with pytest.raises(InputError, match=message):
            check_pairs(manifest, **options)
        with pytest.raises(InputError, match=message):
            pair_table(*embedded, manifest, **options)
    with pytest.raises(InputError, match=r"person 'Zoë 1' is in folds \[1, 2\]"):
        pair_table(*embedded, renamed, metric="joint_bayes")
    check_pairs(shared, "cosine")


def test_rows_and_groups_that_do_not_fit(pairs, embedded):
    rows, embeddings = embedded
    both = (rows, rows), (embeddings, embeddings)
    for arguments, groups, message in (
        ((rows, embeddings[:5]), None, r"shape \(5, 6\) for 256 rows"),
        ((rows + 1, embeddings), None, "rows from 1 to 256 are not in the manifest of 256"),
        (both, ((1, 2), (3,)), "fold 4 is in 0 groups"),
        (both, ((1, 2, 3), (3, 4)), "fold 3 is in 2 groups"),
        ((rows, embeddings), ((1, 2), (3, 4)), "256 arrays of rows and 256 of embeddings for 2"),
        (((rows,), (embeddings,)), ((1, 2), (3, 4)), "1 arrays of rows and 1 of embeddings"),
    ):
        with pytest.raises(InputError, match=message):
            pair_table(*arguments, pairs, groups=groups)
