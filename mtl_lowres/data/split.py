"""Deal the people of a manifest to train, val and test."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mtl_lowres.data.manifest_file import name_row
from mtl_lowres.errors import InputError

# How many ways to deal people to splits are drawn, of which the most even is kept.
_DEALS = 2000


def split_by_subject(
    manifest: pd.DataFrame,
    val: float = 0.2,
    test: float = 0.0,
    seed: int = 0,
    task: str | None = None,
) -> pd.DataFrame:
    """Deal the people to train, val and test so that no person is in two of them.

    Of `_DEALS` random deals, the one is kept in which the fewest labels are without a row in train
    and, among those, the rows of every label are spread most evenly. (scikit-learn's
    StratifiedGroupKFold makes only folds of equal size.)

    Args:
        manifest: rows with a column `subject`. Where it has a column `split`, only the rows whose
            split is train or empty are dealt; a released val or test split stays as it is.
        val: fraction of the dealt people for val, in [0, 1); at least one person if above 0.
        test: as `val`, for test.
        seed: the same seed gives the same split.
        task: the column whose labels are spread; default: only the number of rows is evened out.

    Returns:
        A copy with a new column `split`.

    Raises:
        InputError: if a fraction is out of range; a row has no subject; there are too few people;
            or a person to be dealt is already in the val or test split.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise InputError(
            f"val={val} and test={test}: give fractions of the people that are at least 0 and "
            "together above 0 and below 1"
        )
    for column in ["subject", *([task] if task else [])]:
        if column not in manifest:
            raise InputError(
                f"the manifest has no column {column!r}, only {list(manifest.columns)}: add it to "
                "split by person"
            )
    split = manifest["split"].astype(object) if "split" in manifest else None
    dealt = (split.isna() | (split == "train")).to_numpy() if split is not None else True
    dealt = np.broadcast_to(dealt, len(manifest))
    _check_subjects(manifest, dealt)
    labels = manifest.loc[dealt, task] if task else pd.Series(0, manifest.index[dealt])
    # A missing label is a label of its own here.
    counts = pd.crosstab(manifest.loc[dealt, "subject"].astype(str), labels.astype(str).fillna(""))
    people = len(counts)
    numbers = {
        name: max(1, round(part * people)) if part else 0
        for name, part in {"val": val, "test": test}.items()
    }
    if sum(numbers.values()) >= people:
        raise InputError(
            f"{people} people cannot be split into {numbers['val']} for val, {numbers['test']} for "
            "test and at least one for train: lower the fractions or add people"
        )
    parts = _deal(counts.to_numpy(), numbers["val"], numbers["test"], seed)
    part_of = dict(zip(counts.index, parts, strict=True))
    new = manifest["subject"].astype(str).map(part_of).to_numpy(object)
    if split is not None:
        new = np.where(dealt, new, split)
    return manifest.assign(split=pd.Series(new, manifest.index, dtype="str"))


def forget_held_out_people(manifest: pd.DataFrame, tasks: Iterable[str]) -> pd.DataFrame:
    """Renumber the tasks whose classes are people, so that train people alone are classes.

    After `split_by_subject` a person held out cannot be recognised: no row in train shows who it
    is. Such a label becomes missing, and the classes of the others are numbered without a gap.

    Args:
        manifest: rows with `subject` and `split`.
        tasks: columns of class labels; those of which a class belongs to several people stay.

    Returns:
        A copy; `attrs["classes"]` names the classes that are left.
    """
    names = dict(manifest.attrs.get("classes", {}))
    changed = {}
    for task in tasks:
        labels = pd.to_numeric(manifest[task]).astype("Int64")
        known = sorted(labels[manifest["split"] == "train"].dropna().unique())
        people = manifest["subject"].groupby(labels).nunique()
        if len(known) == len(people) or people.max() != 1:
            continue
        changed[task] = labels.map({label: number for number, label in enumerate(known)})
        changed[task] = changed[task].astype("Int64")
        if task in names:
            names[task] = [names[task][label] for label in known]
    manifest = manifest.assign(**changed)
    manifest.attrs["classes"] = names
    return manifest


def _check_subjects(manifest: pd.DataFrame, dealt: np.ndarray) -> None:
    subjects = manifest["subject"]
    nameless = dealt & subjects.isna().to_numpy()
    if nameless.any():
        row = name_row(manifest, nameless.argmax())
        raise InputError(f"{row}: has no subject: fill in who it shows to split by person")
    held_out = set(subjects[~dealt].dropna().astype(str))
    leaking = dealt & subjects.astype(str).isin(held_out).to_numpy()
    if leaking.any():
        at = leaking.argmax()
        raise InputError(
            f"{name_row(manifest, at)}: subject {str(subjects.iloc[at])!r} is also in val or test: "
            "keep each person in one split"
        )


def _deal(counts: np.ndarray, val: int, test: int, seed: int) -> np.ndarray:
    """Return the part of each person; `counts` [people, labels] are rows."""
    rng = np.random.default_rng(seed)
    people = len(counts)
    sizes = {"val": slice(0, val), "test": slice(val, val + test), "train": slice(val + test, None)}
    totals = counts.sum(0)
    best = None
    for _ in range(_DEALS):
        order = rng.permutation(people)
        rows = {part: counts[order[place]].sum(0) for part, place in sizes.items()}
        wanted = {part: len(order[place]) / people for part, place in sizes.items()}
        uneven = sum(np.abs(rows[part] / totals - wanted[part]).sum() for part in sizes)
        score = (np.count_nonzero(rows["train"] == 0), uneven)
        if best is None or score < best[0]:
            best = score, order
    parts = np.empty(people, object)
    for part, place in sizes.items():
        parts[best[1][place]] = part
    return parts
