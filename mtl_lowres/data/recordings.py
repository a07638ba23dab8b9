"""Recordings: which images are the same, which people are, and what is kept apart from what."""

import hashlib

import numpy as np
import pandas as pd

from mtl_lowres.data.packed import read_contents
from mtl_lowres.errors import InputError

# How many ways to deal recordings are drawn, of which the most even is kept.
_DEALS = 500


def distinct_recordings(
    manifest: pd.DataFrame, share: float = 0.5
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Leave one row of every image, and make one person of people who are the same recordings.

    Whoever shares at least `share` of their different images with somebody who has no fewer is the
    same person under two names: both get the name "a+b". Of the copies of an image the first row
    is kept. An image that is then still filed under several people shows nobody knows whom: all its
    rows are left out, since naming either would be neither right nor wrong.

    Args:
        manifest: rows with `path` and `subject`; images are the same if their files are, byte for
            byte (and `start` and `stop`, where there are any). A file that cannot be read is
            like no other.
        share: fraction in (0, 1].

    Returns:
        A copy with fewer rows, and what was found: `joined` (the new names), `copies` and
        `of_several_people` (numbers of rows left out).

    Raises:
        InputError: if there is no column `subject`, or a row has no subject.
    """
    if "subject" not in manifest:
        raise InputError(
            f"the manifest has no column 'subject', only {list(manifest.columns)}: add it to tell "
            "which people share images"
        )
    if manifest["subject"].isna().any():
        at = int(manifest["subject"].isna().to_numpy().argmax())
        raise InputError(
            f"row {at} has no subject: fill in who it shows to tell which people share images"
        )
    images = _digests(manifest)
    subject = manifest["subject"].astype(str)
    names = _joined_names(images, subject, share)
    renamed = manifest.assign(subject=subject.map(names))
    several = renamed["subject"].groupby(images).transform("nunique") > 1
    copy = images.duplicated() & ~several
    rows = renamed[~several & ~copy]
    found = {
        "joined": sorted({new for old, new in names.items() if new != old}),
        "copies": int(copy.sum()),
        "of_several_people": int(several.sum()),
    }
    return rows.reset_index(drop=True), found


def split_recordings(
    manifest: pd.DataFrame,
    apart: str,
    task: str = "identity",
    *,
    folds: int = 3,
    fold: int = 0,
    val: float = 0.15,
    seed: int = 0,
) -> pd.DataFrame:
    """Split so that people are to be recognised in recordings that were never seen of them.

    All rows of one value of `apart` go to one side, whoever they show. First values for val are
    drawn, which are the same in every fold and never tested, so that what is chosen on them can be
    tested on all others; these are dealt to `folds`, each of which is the test split once. Of many
    random deals the one is kept in which the fewest people are without a row in some train split
    and, among those, the rows of every person are spread most evenly over the folds.

    Args:
        manifest: rows with the columns `apart` and `task`; rows without a value of `apart` or
            `task` are left out.
        apart: column whose values are kept apart, such as the posture or the recording.
        task: column of the people, class labels.
        folds: number of test folds, at least 2.
        fold: which of them is tested, from 0.
        val: fraction of the values for val, in [0, 1); at least one if above 0.
        seed: the same seed gives the same folds.

    Returns:
        A copy with fewer rows and a new column `split`.

    Raises:
        InputError: if a column is missing, a number is out of range, or there are too few values.
    """
    for column in (apart, task):
        if column not in manifest:
            raise InputError(
                f"the manifest has no column {column!r}, only {list(manifest.columns)}: name "
                "another one"
            )
    if folds < 2 or not 0 <= fold < folds or not 0 <= val < 1:
        raise InputError(
            f"folds={folds}, fold={fold}, val={val} cannot be used: give at least 2 folds, a fold "
            "from 0 to one less, and a fraction below 1"
        )
    rows = manifest[manifest[[apart, task]].notna().all(axis=1)].reset_index(drop=True)
    rows.attrs = manifest.attrs
    counts = pd.crosstab(rows[apart].astype(str), rows[task].astype(str))
    held_out = max(1, round(val * len(counts))) if val else 0
    if len(counts) < held_out + folds:
        raise InputError(
            f"{apart} has {len(counts)} values, too few for {held_out} to choose on and {folds} "
            "folds: lower --folds or keep another column apart"
        )
    parts = _deal(counts.to_numpy(), held_out, folds, seed)
    names = np.where(parts == fold, "test", np.where(parts < 0, "val", "train"))
    part_of = dict(zip(counts.index, names, strict=True))
    return rows.assign(split=rows[apart].astype(str).map(part_of).astype("str"))


def _digests(manifest: pd.DataFrame) -> pd.Series:
    """Return a text for each row that is the same where its image is."""
    files = {path: _digest(path) for path in manifest["path"].astype(str).unique()}
    digests = manifest["path"].astype(str).map(files)
    for column in ("start", "stop"):
        if column in manifest:
            digests = digests + "|" + manifest[column].astype(str)
    return digests


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(read_contents(path)).hexdigest()
    except (OSError, ValueError):
        return path


def _joined_names(images: pd.Series, subject: pd.Series, share: float) -> dict[str, str]:
    """Return the new name of every person."""
    shown = pd.crosstab(subject, images).to_numpy() > 0
    shared = shown.astype(np.int64) @ shown.T
    own = shared.diagonal()
    same = shared >= share * np.minimum(own[:, None], own)
    group = np.arange(len(own))
    for one, other in np.argwhere(same):
        group[group == group[other]] = group[one]
    people = pd.Series(sorted(subject.unique()))
    return dict(zip(people, people.groupby(group).transform("+".join), strict=True))


def _deal(counts: np.ndarray, held_out: int, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each value, -1 for val; `counts` [values, people] are rows."""
    rng = np.random.default_rng(seed)
    best = None
    for _ in range(_DEALS):
        order = rng.permutation(len(counts))
        parts = np.full(len(counts), -1)
        for number, values in enumerate(np.array_split(order[held_out:], folds)):
            parts[values] = number
        tested = np.stack([counts[parts == number].sum(axis=0) for number in range(folds)])
        trained = tested.sum(axis=0) - tested
        score = (np.count_nonzero(trained == 0), np.abs(tested - tested.mean(axis=0)).sum())
        if best is None or score < best[0]:
            best = score, parts
    return best[1]
