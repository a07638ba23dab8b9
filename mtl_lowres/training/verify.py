"""Verification of a manifest of pairs from the embeddings of its images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mtl_lowres.data.manifest_file import name_row
from mtl_lowres.datasets.pairs import pair_rows
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.joint_bayes import score_folds
from mtl_lowres.evaluation.verification import pair_scores, verification_metrics

# Metric -> what the figures say about it.
METRICS = {"cosine": "cosine", "joint_bayes": "joint Bayes, learned on the other folds' people"}
SAMPLE_COLUMNS = ("path", "start", "stop")


def verify_embeddings(
    rows: ArrayLike | Sequence[ArrayLike],
    embeddings: ArrayLike | Sequence[ArrayLike],
    pairs_manifest: pd.DataFrame,
    *,
    metric: str = "cosine",
    groups: Sequence[Sequence[int]] | None = None,
    subtract_mean: bool = False,
    bootstrap: int = 1000,
) -> dict:
    """Return the figures of `pair_table`, which takes the same arguments; see `table_figures`.

    Example:
        >>> a, b = (embed(student, pairs, mirrored="mean") for student in (a, b))  # doctest: +SKIP
        >>> folds = (range(1, 6), range(6, 11))  # of the people that a, and b, has not seen
        >>> verify_embeddings(
        ...     (a[0], b[0]), (a[1], b[1]), pairs, metric="joint_bayes", groups=folds
        ... )  # doctest: +SKIP
    """
    table = pair_table(
        rows, embeddings, pairs_manifest, metric=metric, groups=groups, subtract_mean=subtract_mean
    )
    return table_figures(table, bootstrap)


def pair_table(
    rows: ArrayLike | Sequence[ArrayLike],
    embeddings: ArrayLike | Sequence[ArrayLike],
    pairs_manifest: pd.DataFrame,
    *,
    metric: str = "cosine",
    groups: Sequence[Sequence[int]] | None = None,
    subtract_mean: bool = False,
) -> pd.DataFrame:
    """Return the score of every pair of which both images have an embedding.

    Args:
        rows: positions in the manifest [k], ascending or not. With `groups` a sequence of such,
            one for each group.
        embeddings: of these rows [k, d], as `embed` gives them. With `groups` a sequence of such;
            those of rows in other folds than the group's are not used. For joint Bayes rather with
            `embed(mirrored="mean")`: twice the width is twice as much to learn from the same
            people.
        pairs_manifest: of pairs, see `datasets.pairs.pair_manifest`; for joint Bayes with the
            column `subject`, and no person in two folds.
        metric: "cosine", or "joint_bayes": the pairs of a fold are scored by a metric that was
            learned on the images of the other folds of its group, see
            `evaluation.joint_bayes.score_folds`.
        groups: the folds whose pairs each model scores, such as (range(1, 6), range(6, 11)).
            Default: one model scores all.
        subtract_mean: see `evaluation.verification.pair_scores`; only for the cosine.

    Returns:
        path_a, path_b, same (0 or 1), fold, group (from 0; only with `groups`), score (float64; the
        cosine in [-1, 1], or a log-likelihood ratio) and, for joint Bayes, threshold (that of the
        fold; a higher score accepts); one row a pair.

    Raises:
        InputError: if the manifest does not allow it, a fold is in no or in two groups, or the
            embeddings cannot be scored.
    """
    check_pairs(pairs_manifest, metric, subtract_mean)
    first, second = pair_rows(pairs_manifest)
    folds = pairs_manifest["fold"].to_numpy(np.int64)[first]
    if groups is None:
        parts = [(rows, embeddings, np.unique(folds))]
    else:
        _check_groups(folds, groups, len(rows), len(embeddings))
        parts = list(zip(rows, embeddings, map(list, groups), strict=True))
    tables = []
    for number, (part_rows, part_embeddings, part_folds) in enumerate(parts):
        here = np.isin(folds, part_folds)
        table = _one_model(
            *_readable(part_rows, part_embeddings, len(pairs_manifest), first[here], second[here]),
            pairs_manifest,
            metric,
            subtract_mean,
        )
        if groups is not None:
            table.insert(4, "group", number)
        tables.append(table)
    # In the order of the manifest, not of the groups.
    return pd.concat(tables).sort_index().reset_index(drop=True)


def table_figures(table: pd.DataFrame, bootstrap: int = 1000) -> dict:
    """Return `verification_metrics` of what `pair_table` returns, and `metric`, in words.

    For joint Bayes each fold has a metric and a threshold of its own; AUC, EER and accept rates are
    of the scores minus the threshold of their fold.
    """
    learned = "threshold" in table
    figures = verification_metrics(
        table["score"],
        table["same"],
        table["fold"],
        groups=table.get("group"),
        thresholds=table.groupby("fold")["threshold"].first().to_dict() if learned else None,
        bootstrap=bootstrap,
    )
    return {"metric": METRICS["joint_bayes" if learned else "cosine"], **figures}


def check_pairs(manifest: pd.DataFrame, metric: str, subtract_mean: bool = False) -> None:
    """Check, before anything is embedded, that the pairs can be scored by the metric.

    Raises:
        InputError: if they cannot.
    """
    pair_rows(manifest)
    if metric not in METRICS:
        raise InputError(f"metric={metric!r}: give one of {', '.join(METRICS)}")
    if metric == "cosine":
        return
    if subtract_mean:
        raise InputError(
            "subtract_mean=True with metric='joint_bayes', which subtracts a mean of its own: "
            "leave it out"
        )
    if "subject" not in manifest:
        raise InputError(
            "metric='joint_bayes' is learned from people, but the manifest has no column "
            "'subject': add who each row shows, or use the cosine"
        )
    image, folds = _image_numbers(manifest), manifest["fold"].to_numpy(np.int64)
    fold_of_image = folds[np.unique(image, return_index=True)[1]]
    moved = folds != fold_of_image[image]
    if moved.any():
        at = moved.argmax()
        raise InputError(
            f"{name_row(manifest, at)}: the image is in fold {folds[at]} and in fold "
            f"{fold_of_image[image[at]]}: joint Bayes must not learn from what it is tested on, so "
            "keep it in one fold, or use the cosine"
        )


def _image_numbers(manifest: pd.DataFrame) -> np.ndarray:
    """Return the number of the image that each row names, from 0 in order of appearance."""
    columns = [column for column in SAMPLE_COLUMNS if column in manifest]
    return manifest.groupby(columns, dropna=False, sort=False).ngroup().to_numpy()


def _check_groups(folds: np.ndarray, groups: Sequence, rows: int, embeddings: int) -> None:
    if not rows == embeddings == len(groups):
        raise InputError(
            f"{rows} arrays of rows and {embeddings} of embeddings for {len(groups)} groups: give "
            "one of each a group"
        )
    listed = [fold for group in groups for fold in group]
    for fold in np.unique(folds):
        if listed.count(fold) != 1:
            raise InputError(
                f"fold {fold} is in {listed.count(fold)} groups: give each fold to one model"
            )


def _readable(rows, embeddings, count: int, first: np.ndarray, second: np.ndarray) -> tuple:
    """Return embeddings of all rows [count, d], 0 where unknown, and the pairs that have both."""
    rows, embeddings = np.asarray(rows, np.int64), np.asarray(embeddings)
    if embeddings.ndim != 2 or len(embeddings) != len(rows):
        raise InputError(
            f"embeddings of shape {embeddings.shape} for {len(rows)} rows: give [{len(rows)}, d]"
        )
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise InputError(
            f"rows from {rows.min()} to {rows.max()} are not in the manifest of {count} rows: give "
            "positions in the manifest of pairs"
        )
    known = np.isin(np.arange(count), rows)
    everywhere = np.zeros((count, embeddings.shape[1]), embeddings.dtype)
    everywhere[rows] = embeddings
    both = known[first] & known[second]
    return everywhere, first[both], second[both]


def _one_model(
    embeddings: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    manifest: pd.DataFrame,
    metric: str,
    subtract_mean: bool,
) -> pd.DataFrame:
    """Return the pairs' table, indexed by the position of their first row."""
    paths = manifest["path"].to_numpy()
    folds, same = (manifest[name].to_numpy(np.int64) for name in ("fold", "same"))
    table = pd.DataFrame(
        {
            "path_a": paths[first],
            "path_b": paths[second],
            "same": same[first],
            "fold": folds[first],
        },
        index=first,
    )
    if metric == "cosine":
        table["score"] = pair_scores(
            embeddings[first], embeddings[second], folds[first], subtract_mean=subtract_mean
        )
        return table
    shown = np.concatenate([first, second])
    _, row, place = np.unique(
        _image_numbers(manifest)[shown], return_index=True, return_inverse=True
    )
    image = shown[row]
    table["score"], thresholds = score_folds(
        embeddings[image],
        manifest["subject"].to_numpy(object)[image],
        folds[image],
        place[: len(first)],
        place[len(first) :],
        same[first],
    )
    return table.assign(threshold=table["fold"].map(thresholds))
