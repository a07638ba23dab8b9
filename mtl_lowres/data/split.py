"""Deal the people of a manifest, or clips of them, to train, val and test."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mtl_lowres.data.manifest_file import CONTINUOUS_TASKS, name_row
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


def leave_one_subject_out(
    manifest: pd.DataFrame, pairs: Iterable[tuple[str | None, str]] | None = None
) -> dict[str, pd.DataFrame]:
    """Return a manifest for every person, in which that person is the test split.

    Args:
        manifest: rows with a column `subject`; a column `split` is not looked at.
        pairs: (who is left out altogether or None, who is tested); default: nobody is left out and
            everybody tested. With somebody left out, settings can be chosen on other people than
            those that a figure is of.

    Returns:
        Name of the tested person, `"a-without-b"` where b is left out -> rows with a new column
        `split`, "test" or "train".

    Raises:
        InputError: if a row has no subject, a person is unknown, or nobody is left to train on.
    """
    if "subject" not in manifest:
        raise InputError(f"the manifest has no column 'subject', only {list(manifest.columns)}")
    _check_subjects(manifest, np.ones(len(manifest), bool))
    people = sorted(manifest["subject"].unique())
    folds = {}
    for left_out, tested in pairs or [(None, person) for person in people]:
        unknown = {left_out, tested} - {None, *people}
        if unknown:
            raise InputError(f"no row shows {sorted(unknown)}: the subjects are {people}")
        rows = manifest[manifest["subject"] != left_out]
        held_out = rows["subject"] == tested
        if held_out.all():
            raise InputError(f"{len(people)} people: testing {tested!r} leaves nobody to train on")
        name = tested if left_out is None else f"{tested}-without-{left_out}"
        folds[name] = rows.assign(split=np.where(held_out, "test", "train"))
    return folds


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


def hold_out_clips(
    manifest: pd.DataFrame,
    task: str = "identity",
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    tasks: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Move some clips of every train person to val and test, to be told apart by `task` alone.

    People held out by `split_by_subject` cannot test who somebody is. So identity is tested on
    clips of people who are also in train; as those would leak the other tasks, the moved rows
    keep the label of `task` only. Do this after `split_by_subject` and `forget_held_out_people`.

    Of each class of `task`, `val` and `test` of the clips are drawn, rounded, and at least one for
    each fraction above 0 as long as one is left in train; val comes second. Rows of the same frames
    of a file are one clip.

    Args:
        manifest: rows with the column `task`. Where it has a column `split`, only the rows whose
            split is train are drawn from, else all.
        task: the column of class labels that the moved rows keep.
        val: fraction of the clips of a class for val, in [0, 1).
        test: as `val`, for test.
        seed: the same seed gives the same split.
        tasks: the columns to empty in the moved rows; default: all with class names in
            `attrs["classes"]`, and the continuous tasks.

    Returns:
        A copy with new columns `split` and `tasks`.

    Raises:
        InputError: if a fraction is out of range, a column is missing, or no train row has a
            label of `task`.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise InputError(
            f"val={val} and test={test}: give fractions of the clips that are at least 0 and "
            "together above 0 and below 1"
        )
    if tasks is None:
        known = [*manifest.attrs.get("classes", {}), *CONTINUOUS_TASKS]
        tasks = [name for name in known if name in manifest]
    tasks = list(tasks)
    for column in [task, *tasks]:
        if column not in manifest:
            raise InputError(f"the manifest has no column {column!r}: {list(manifest.columns)}")
    split = manifest["split"] if "split" in manifest else pd.Series("train", manifest.index)
    drawn = (split == "train").to_numpy() & manifest[task].notna().to_numpy()
    if not drawn.any():
        raise InputError(f"no row in train has a label of {task!r}: there is no clip to hold out")
    parts = _draw_clips(manifest, task, drawn, {"test": test, "val": val}, seed)
    moved = pd.Series(parts != "", manifest.index)
    emptied = {name: manifest[name].mask(moved) for name in tasks if name != task}
    return manifest.assign(split=split.astype(object).mask(moved, parts).astype("str"), **emptied)


def _draw_clips(
    manifest: pd.DataFrame, task: str, drawn: np.ndarray, fractions: dict[str, float], seed: int
) -> np.ndarray:
    """Return the part that each row is moved to, "" for those that stay."""
    key = [column for column in ("path", "start", "stop") if column in manifest]
    clips = manifest.groupby(key, dropna=False, sort=False).ngroup().to_numpy()
    labels = pd.to_numeric(manifest[task]).to_numpy(float, na_value=np.nan)
    rng = np.random.default_rng(seed)
    parts = np.full(len(manifest), "", object)
    for label in np.unique(labels[drawn]):
        left = rng.permutation(np.unique(clips[drawn & (labels == label)]))
        total = len(left)
        for name, fraction in fractions.items():
            count = min(len(left) - 1, max(1, round(fraction * total))) if fraction else 0
            parts[drawn & np.isin(clips, left[:count])] = name
            left = left[count:]
    return parts


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
