"""Temperatures and thresholds of a trained model, fitted on validation rows."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import (
    accept_rates,
    apply_temperature,
    check_far,
    expected_calibration_error,
    fit_temperature,
    threshold_at_far,
)
from mtl_lowres.evaluation.pairs import form_pairs
from mtl_lowres.evaluation.verification import pair_scores
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.embed import embed, score_pairs
from mtl_lowres.training.evaluate import Evaluator
from mtl_lowres.training.sweep import model_probe

_MOST_PAIRS = 20_000
_SAMPLE = ("path", "start", "stop")
_PERSON = ("subject", "identity")


def calibrate(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    sizes: Sequence[tuple[int, int]] | None = None,
    far: float = 0.01,
    *,
    seed: int = 0,
    progress: bool = False,
) -> dict:
    """Return a calibration of a model for some resolutions, from rows of the split `val` alone.

    - Each task with classes that is labelled there gets a temperature (Guo et al., 2017).
    - Each head that embeds gets the threshold on the cosine of two embeddings (of the image and its
      mirror image together) at which a share `far` of the pairs of different people is accepted.
      The pairs are those of a manifest of pairs, or are formed from the rows: all of the same
      person and of different people, or 20,000 of each kind drawn at random. Who a row shows is the
      column `subject`, or else `identity`; without either there is no threshold.

    Resolutions are made as in a sweep, by averaging over areas. Nothing is written.

    Args:
        model: with trained weights.
        manifest: rows with a column `split`.
        sizes: (height, width) of each resolution; default: the network's own.
        far: false accept rate of the thresholds, in (0, 1).
        seed: of the pairs that are drawn.
        progress: show a progress bar while files are decoded.

    Returns:
        `{"temperature": {task: [...]}, "threshold": {task: [...]}}`, an entry a size: `size`
        [height, width], `temperature`, `ece_before` and `ece_after` (on these very rows) and `n`
        (samples); or `size`, `far`, `threshold`, `tar` (share of accepted pairs of the same person,
        None without any) and `pairs`.

    Raises:
        InputError: if `far` is out of range, there is no row of the split val, nothing in it can be
            calibrated, there are fewer than 1 / far pairs of different people, or more files are
            bad than the budget of 1 % allows.
    """
    check_far(far)
    rows = _validation_rows(manifest)
    are_pairs = {"pair", "same"} <= set(rows.columns)
    calibration: dict[str, dict] = {"temperature": {}, "threshold": {}}
    for size in sizes or [tuple(model.description["input_shape"][-3:-1])]:
        recipe = model_probe(model, size)
        temperatures = {} if are_pairs else _temperatures(model, rows, recipe, progress)
        scored = _scored_pairs(model, rows, recipe, are_pairs, far, seed, progress)
        thresholds = {task: _threshold(*pairs, far) for task, pairs in scored.items()}
        for kind, fitted in (("temperature", temperatures), ("threshold", thresholds)):
            for task, entry in fitted.items():
                calibration[kind].setdefault(task, []).append({"size": list(size), **entry})
    if not any(calibration.values()):
        raise InputError(
            "nothing to calibrate: no validation row has a label of a task with classes, and no "
            "head has an embedding of rows with a subject"
        )
    return calibration


def merge_calibrations(old: dict, new: dict) -> dict:
    """Return the old calibration with what is new in place of that of the same task."""
    kinds = [kind for kind in ("temperature", "threshold") if old.get(kind) or new.get(kind)]
    return {kind: old.get(kind, {}) | new.get(kind, {}) for kind in kinds}


def _validation_rows(manifest: pd.DataFrame) -> pd.DataFrame:
    if "split" not in manifest or not (manifest["split"] == "val").any():
        found = sorted(set(manifest["split"].dropna())) if "split" in manifest else "no split"
        raise InputError(
            f"a calibration is fitted on rows of the split 'val' only, and the manifest has "
            f"{found}: mark validation people in the column 'split'"
        )
    return manifest[manifest["split"] == "val"]


def _temperatures(model, rows: pd.DataFrame, recipe: str, progress: bool) -> dict[str, dict]:
    """Return the temperature of each task with classes that has labels here."""
    tasks = [
        task
        for task, head in model.heads.items()
        if head.classes is not None and task in rows and rows[task].notna().any()
    ]
    if not tasks:
        return {}
    clip, bad_files = model.description.get("clip"), BadFiles(len(rows))
    evaluator = Evaluator(rows, recipe, clip=clip, bad_files=bad_files, progress=progress)
    try:
        read, outputs = evaluator.outputs(model)
    except tf.errors.OpError:
        if bad_files.error is not None:
            raise bad_files.error from None
        raise
    fitted = {}
    for task in tasks:
        truth = evaluator.truth(read, task)
        known = ~np.isnan(truth)
        if known.any():
            probabilities = model.heads[task].probabilities(outputs[task][known])
            fitted[task] = _temperature(probabilities, truth[known].astype(np.int64))
    return fitted


def _temperature(probabilities: np.ndarray, truth: np.ndarray) -> dict:
    temperature = fit_temperature(probabilities, truth)
    after = apply_temperature(probabilities, temperature)
    return {
        "temperature": temperature,
        "ece_before": expected_calibration_error(probabilities, truth),
        "ece_after": expected_calibration_error(after, truth),
        "n": len(truth),
    }


def _scored_pairs(
    model, rows: pd.DataFrame, recipe: str, are_pairs: bool, far: float, seed: int, progress: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return scores and whether it is the same person, of the pairs of each head that embeds."""
    tasks = [task for task, head in model.heads.items() if head.embeds]
    if are_pairs:
        pairs = {task: score_pairs(model, rows, recipe, task=task) for task in tasks}
        return {task: (table["score"], table["same"] == 1) for task, table in pairs.items()}
    person = next((name for name in _PERSON if name in rows and rows[name].notna().any()), None)
    if person is None:
        return {}
    # An image and itself are no pair.
    known = rows[rows[person].notna()].drop_duplicates([c for c in _SAMPLE if c in rows])
    scored = {}
    for task in tasks:
        read, embeddings = embed(model, known, recipe, task=task, progress=progress)
        most = max(_MOST_PAIRS, math.ceil(10 / far))
        first, second, same = form_pairs(known[person].to_numpy()[read], most, seed)
        scored[task] = pair_scores(embeddings[first], embeddings[second]), same
    return scored


def _threshold(scores: np.ndarray, same: np.ndarray, far: float) -> dict:
    threshold = threshold_at_far(scores, same, far)
    tar = accept_rates(scores, same, threshold)["tar"]
    return {"far": far, "threshold": threshold, "tar": tar, "pairs": len(scores)}
