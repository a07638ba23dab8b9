"""How much identity the images give away that are good enough for a useful task."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.manifest import CONTINUOUS_TASKS, task_classes
from mtl_lowres.data.recordings import distinct_recordings, split_recordings
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.privacy import (
    conclusion,
    macro_f1_figures,
    privacy_table,
    rank1_figures,
    size_of_chance,
)
from mtl_lowres.files import replacing, write_json
from mtl_lowres.report.privacy import write_privacy_report
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

IDENTITY = "identity"
ATTACK = "attack"


def measure_privacy(
    useful: TrainConfig,
    attacker: TrainConfig,
    manifest: pd.DataFrame,
    out: str | Path,
    sizes: Sequence[tuple[int, int]],
    *,
    person: str = IDENTITY,
    apart: str = "",
    kernel: str = "area",
    seeds: int = 3,
    folds: int = 3,
    val: float = 0.15,
    join_people: bool = True,
    source: dict | None = None,
    progress: bool = False,
) -> dict:
    """Measure a useful task and an attack on identity at each resolution.

    The useful network is tested on people that it has never seen (the manifest's test split). The
    attacker learns who is who and is tested on the same people in recordings that were never seen
    of anybody: the values of the column `apart` are dealt to train, val and test, see
    `split_recordings`. Seed s tests fold s modulo `folds`, so that with as many seeds as folds
    every recording but those of val is tested once. Both networks see the image brought to each
    resolution and enlarged again to what they see (`recipe_at`), so that one layout serves all.

    Each network has its run folder, `out/<h>x<w>/<useful task or attack>/seed-<n>`; finished ones
    are not trained again. `out` gets `privacy.csv`, `privacy.json` and `privacy.html`.

    Args:
        useful: settings of the useful network, with one task; `val` and `split_seed` choose its
            validation people, `seed` is the first seed.
        attacker: settings of the attacker, with the task `identity`.
        manifest: rows with `path`, `subject`, `split` with test rows, the useful task, `person` and
            `apart`.
        out: folder for everything.
        sizes: (height, width) of the resolutions, none above what the networks see.
        person: column that is filled in where the attacker knows the person: `identity` or
            `subject`. Who it is, is told by `subject`.
        apart: column whose values are kept apart; default: the useful task.
        kernel: resizing operation to each resolution.
        seeds: number of seeds.
        folds: parts of the recordings that are tested in turn.
        val: fraction of the recordings that choose the attacker's epoch and are never tested.
        join_people: count people who are the same recordings as one and every image once, see
            `distinct_recordings`; without it the rows are taken as they are.
        source: where the manifest comes from, noted in the runs.
        progress: show progress bars.

    Returns:
        What `privacy.json` holds: `useful`, `apart`, `folds`, `people` (known to the attacker),
        `metrics` (names of the two figures), `duplicates` (what `distinct_recordings` found),
        `chance_size` (see `size_of_chance`), `conclusion` (a sentence) and `points`, a dict a
        resolution: `size`, `resolution` (its text), and `useful` and `leak` with the figures of
        `macro_f1_figures` and `rank1_figures` over all seeds, `std` over the seeds (None for one)
        and `runs`, the figures of each seed.

    Raises:
        InputError: if a setting or the manifest cannot be used.
    """
    task = useful.tasks[0]
    apart = apart or task
    _check(useful, attacker, manifest, (task, person, apart), seeds)
    # A size that a network cannot be shown is refused before anything is trained.
    plan = {
        tuple(size): [
            dataclasses.replace(config, degrade=recipe_at(size, kernel, config.degrade))
            for config in (useful, attacker)
        ]
        for size in sizes
    }
    duplicates = {}
    if join_people:
        manifest, duplicates = distinct_recordings(manifest)
    known = known_people(manifest, person)
    numbers = range(useful.seed, useful.seed + seeds)
    parts = {
        seed: split_recordings(known, apart, folds=folds, fold=seed % folds, val=val)
        for seed in numbers
    }
    people = int(known[IDENTITY].nunique())
    figures = {
        "useful": functools.partial(_useful_figures, classes=_class_names(manifest, task)),
        "leak": functools.partial(_leak_figures, people=people),
    }
    fit = functools.partial(_train_seeds, source=source, progress=progress)
    points = []
    for size, (useful_there, attacker_there) in plan.items():
        folder = Path(out) / f"{size[0]}x{size[1]}"
        answers = {
            "useful": fit(useful_there, dict.fromkeys(numbers, manifest), folder / task),
            "leak": fit(attacker_there, parts, folder / ATTACK, group=apart),
        }
        point = {name: _over_seeds(answers[name], figures[name]) for name in figures}
        points.append({"size": list(size), "resolution": folder.name, **point})
    result = {
        "useful": task,
        "metrics": {"useful": f"{task}_macro_f1", "leak": f"rank1_unseen_{apart}"},
        "apart": apart,
        "people": people,
        "folds": folds,
        "duplicates": duplicates,
        "chance_size": size_of_chance(points),
        "conclusion": conclusion(points),
        "points": points,
    }
    _write(result, Path(out))
    return result


def recipe_at(size: Sequence[int], kernel: str, own_recipe: str) -> str:
    """Return the recipe that brings an image to a resolution and then to what a network sees.

    A smaller image is enlarged again by bicubic interpolation, so that one layout serves every
    resolution; the network's own recipe follows, which finds the size right.

    Args:
        size: (height, width) in pixels.
        kernel: resizing operation to that size, such as `"area"`.
        own_recipe: recipe of the network, which decides the size that it sees.

    Raises:
        InputError: if the own recipe does not fix a size, or the network sees less than `size`.

    Example:
        >>> recipe_at((4, 4), "area", "area(16)|gray()")
        'area(4, 4)|bicubic(16, 16)|area(16)|gray()'
    """
    seen = parse_recipe(own_recipe).output_size()
    if None in seen or size[0] > seen[0] or size[1] > seen[1]:
        raise InputError(
            f"a network with degrade={own_recipe!r} cannot be shown {size[0]}x{size[1]} pixels: "
            "end it with a size, such as area(16), that is not below any of --sizes"
        )
    steps = [f"{kernel}({size[0]}, {size[1]})"]
    if tuple(size) != seen:
        steps.append(f"bicubic({seen[0]}, {seen[1]})")
    return "|".join([*steps, own_recipe])


def known_people(manifest: pd.DataFrame, person: str = IDENTITY) -> pd.DataFrame:
    """Return the rows of the people that an attacker knows, without the split of the useful task.

    Args:
        manifest: rows with `subject`, which tells who is shown, and `person`.
        person: column that is filled in where the person is known.

    Returns:
        A copy with `identity`, Int64 classes of the subjects, named in `attrs["classes"]`.

    Raises:
        InputError: if fewer than two people are known.
    """
    rows = manifest[manifest[person].notna() & manifest["subject"].notna()]
    names = sorted(rows["subject"].astype(str).unique())
    if len(names) < 2:
        raise InputError(
            f"the column {person!r} is filled in for {len(names)} people: an attacker needs two to "
            "tell apart; name another column or fill it in"
        )
    numbers = {name: number for number, name in enumerate(names)}
    identity = rows["subject"].astype(str).map(numbers).astype("Int64")
    rows = rows.drop(columns="split", errors="ignore").assign(**{IDENTITY: identity})
    rows.attrs = {"classes": {IDENTITY: names}}
    return rows.reset_index(drop=True)


def _check(useful, attacker, manifest: pd.DataFrame, columns: tuple, seeds: int) -> None:
    if len(useful.tasks) != 1 or useful.tasks[0] in CONTINUOUS_TASKS:
        raise InputError(
            f"tasks={list(useful.tasks)} of the useful network cannot be used: name one column of "
            "classes"
        )
    if attacker.tasks != (IDENTITY,):
        raise InputError(
            f"tasks={list(attacker.tasks)} of the attacker cannot be used: give {[IDENTITY]}"
        )
    for column in ("subject", *columns):
        if column not in manifest:
            raise InputError(
                f"the manifest has no column {column!r}, only {list(manifest.columns)}: add it or "
                "name another one"
            )
    labelled = manifest[useful.tasks[0]].notna()
    if "split" not in manifest or not (labelled & (manifest["split"] == "test")).any():
        raise InputError(
            f"no row of the manifest has the split 'test' and a label of {useful.tasks[0]!r}: mark "
            "the people that the useful task is tested on"
        )
    if seeds < 1:
        raise InputError(f"seeds={seeds} cannot be used: give at least 1")


def _train_seeds(
    config: TrainConfig,
    manifests: dict[int, pd.DataFrame],
    folder: Path,
    group: str = "subject",
    **options,
) -> pd.DataFrame:
    """Train once for every seed and return the answers to the test rows, one after the other."""
    tables = []
    for seed, manifest in manifests.items():
        run = folder / f"seed-{seed}"
        train(dataclasses.replace(config, seed=seed), manifest, run, **options)
        tables.append(_answers(run, manifest, config.tasks[0], group).assign(seed=seed))
    return pd.concat(tables, ignore_index=True)


def _answers(run: Path, manifest: pd.DataFrame, task: str, group: str) -> pd.DataFrame:
    """Return truth, prediction, group and the majority's answer of the labelled test rows."""
    table = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    table = table[(table["split"] == "test") & (table[f"{task}_truth"] != "")]
    group_of = dict(zip(_keys(manifest), manifest[group].astype(str), strict=True))
    frequent = manifest.loc[manifest["split"] == "train", task].mode().iloc[0]
    return pd.DataFrame(
        {
            "truth": table[f"{task}_truth"],
            "prediction": table[f"{task}_prediction"],
            "group": [group_of[key] for key in _keys(table)],
            "constant": _class_names(manifest, task)[int(frequent)],
        }
    )


def _keys(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return what tells one row from all others: the file and its frames."""
    columns = [column for column in ("path", "start", "stop") if column in table]
    texts = [table[column].astype("string").fillna("") for column in columns]
    return list(zip(*texts, strict=True))


def _class_names(manifest: pd.DataFrame, task: str) -> list[str]:
    names = manifest.attrs.get("classes", {}).get(task)
    return names or [str(label) for label in range(task_classes(manifest, [task])[task])]


def _useful_figures(answers: pd.DataFrame, classes: list[str]) -> dict:
    columns = (answers[name] for name in ("truth", "prediction", "group", "seed"))
    return macro_f1_figures(*columns, classes, answers["constant"])


def _leak_figures(answers: pd.DataFrame, people: int) -> dict:
    columns = (answers[name] for name in ("truth", "prediction", "group"))
    return rank1_figures(*columns, people, answers["constant"])


def _over_seeds(answers: pd.DataFrame, figures: Callable[[pd.DataFrame], dict]) -> dict:
    """Return the figures of all seeds together, their deviation, and those of each seed."""
    runs = [{"seed": int(seed), **figures(rows)} for seed, rows in answers.groupby("seed")]
    deviation = np.std([run["value"] for run in runs], ddof=1) if len(runs) > 1 else None
    return {
        **figures(answers),
        "std": None if deviation is None else float(deviation),
        "runs": runs,
    }


def _write(result: dict, out: Path) -> None:
    with replacing(out / "privacy.csv") as temporary:
        privacy_table(result).to_csv(temporary, index=False)
    write_json(out / "privacy.json", result)
    links = {
        f"{run.parent.parent.name}, {run.parent.name}, {run.name}": report.relative_to(out)
        for report in sorted(out.glob("*/*/seed-*/report.html"))
        for run in [report.parent]
    }
    write_privacy_report(out / "privacy.html", result, links)
