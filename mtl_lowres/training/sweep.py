"""One or several models measured over probe resolutions."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.resample import KERNELS
from mtl_lowres.data.units import UnitSequence
from mtl_lowres.datasets.pairs import pair_rows
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.pair_checks import check_folds
from mtl_lowres.evaluation.sweep import headline_figures, probe_recipe
from mtl_lowres.evaluation.verification import verification_metrics
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.embed import score_pairs
from mtl_lowres.training.evaluate import Evaluator

VERIFICATION = "verification"
_COLUMNS = [
    *("run", "task", "kernel", "height", "width"),
    *("metric", "value", "low", "high", "chance", "n", "bad_files"),
]


def sweep(
    models: Mapping[str, MultiTaskModel],
    manifest: pd.DataFrame,
    sizes: Sequence[tuple[int, int]],
    kernels: Sequence[str] = ("area",),
    *,
    bootstrap: int = 1000,
    progress: bool = False,
) -> pd.DataFrame:
    """Measure models on the same rows, brought to one resolution after the other.

    What a probe is, `mtl_lowres.evaluation.sweep.probe_recipe` says. Rows that cannot be decoded
    are left out and counted. Models that see a probe alike share its decoded images. Optical flow
    is computed on the images of the probe.

    Args:
        models: name -> model; of clips too, by the rule that the model was trained with.
        manifest: the rows to measure on; a manifest of pairs is measured by verification, with the
            embeddings of the image and its mirror image.
        sizes: (height, width) of each probe in pixels.
        kernels: resizing operations that bring an image to a probe.
        bootstrap: number of resamples behind the intervals; 0 for none.
        progress: show a progress bar.

    Returns:
        A row for each model, task, kernel, size and metric: `run`, `task`, `kernel`, `height`,
        `width`, `metric`, `value`, `low` and `high` (ends of the interval), `chance`, `n` (labelled
        samples, or pairs) and `bad_files`. The metrics are `macro_f1` and `accuracy` of classes,
        `mae_years` of ages, and of pairs (task `verification`) the accuracy over folds and `auc`.

    Raises:
        InputError: if a size or kernel cannot be used, a model reads stored flow or features, no
            file can be decoded, or no row has a label of any model's task.

    Example:
        >>> sweep({"a": load_model("runs/a")}, test_rows, [(16, 16), (8, 8)], ["area", "bicubic"])
    """
    are_pairs = {"pair", "same"} <= set(manifest.columns)
    measure = _verification if are_pairs else _figures
    probes = [(kernel, size) for kernel in kernels for size in sizes]
    # Before the long way through the networks.
    _check_probes(models, probes)
    if are_pairs:
        first, _ = pair_rows(manifest)
        check_folds(*(manifest[name].to_numpy("int64")[first] for name in ("same", "fold")))
    else:
        _check_labels(models, manifest)
    rows = []
    for kernel, size in tqdm(probes, "probes", delay=2, disable=not progress):
        for recipe, alike in _by_view(models, kernel, size):
            bad_files = BadFiles(len(manifest), budget=1.0)
            for run, task, figures in measure(alike, manifest, recipe, bad_files, bootstrap):
                place = {"run": run, "task": task, "kernel": kernel}
                place |= {"height": size[0], "width": size[1]}
                counts = {"n": figures.get("n", figures.get("pairs"))}
                counts["bad_files"] = len(bad_files.reasons)
                rows += [place | figure | counts for figure in headline_figures(figures)]
    if not rows:
        raise InputError("no file that can be decoded has a label: mend the files, or add labels")
    return pd.DataFrame(rows, columns=_COLUMNS)


def model_probe(model: MultiTaskModel, size: tuple[int, int], kernel: str = "area") -> str:
    """Return the recipe that shows a model an image as if it had come at a probe's resolution.

    Raises:
        InputError: if the model knows no recipe of its own, or sees nothing of a resolution.
    """
    if reason := _why_no_probe(model.description.get("clip")):
        raise InputError(f"the model cannot be measured at a resolution: {reason}")
    own = model.description.get("degrade")
    if not own:
        raise InputError("the model knows no degradation recipe: build it with one")
    return probe_recipe(size, kernel, own, model.description["input_shape"][-3:-1])


def _check_probes(models: Mapping, probes: Sequence[tuple[str, tuple[int, int]]]) -> None:
    for run, model in models.items():
        if reason := _why_no_probe(model.description.get("clip")):
            raise InputError(f"{run} cannot be measured over resolutions: {reason}; leave it out")
    for kernel, size in probes:
        if kernel not in KERNELS:
            raise InputError(f"unknown kernel {kernel!r}: known are {', '.join(KERNELS)}")
        for model in models.values():
            parse_recipe(model_probe(model, size, kernel))


def _why_no_probe(clip: str | None) -> str | None:
    """Return why a model of such clips sees nothing of a probe's resolution, or None."""
    sampling = parse_clip(clip) if clip else None
    if isinstance(sampling, UnitSequence):
        return f"{clip!r} reads stored features, which were made at one resolution"
    if sampling and sampling.flow and sampling.flow.compute is None:
        return f"{clip!r} reads stored flow, which was made at one resolution"
    return None


def _check_labels(models: Mapping, manifest: pd.DataFrame) -> None:
    heads = {task: head for model in models.values() for task, head in model.heads.items()}
    for task, head in heads.items():
        only_embeds = head.classes is None and head.unit is None
        if not only_embeds and task in manifest and manifest[task].notna().any():
            return
    raise InputError(
        f"no row has a label of {', '.join(sorted(heads))}: add one, or give pairs, by which an "
        "embedding is measured"
    )


def _by_view(models: Mapping, kernel: str, size: tuple[int, int]) -> Iterator[tuple[str, dict]]:
    """Yield each recipe with the models that see images by it, and by the same rule for clips."""
    groups: dict[tuple, dict] = {}
    for run, model in models.items():
        view = model_probe(model, size, kernel), model.description.get("clip")
        groups.setdefault(view, {})[run] = model
    for (recipe, _), alike in groups.items():
        yield recipe, alike


def _figures(
    models: dict, manifest: pd.DataFrame, recipe: str, bad_files: BadFiles, bootstrap: int
) -> Iterator[tuple[str, str, dict]]:
    """Yield run, task and figures of models that see images alike."""
    evaluator = Evaluator(
        manifest,
        recipe,
        clip=next(iter(models.values())).description.get("clip"),
        # One pass needs no cache.
        cache="memory" if len(models) > 1 else "none",
        bad_files=bad_files,
    )
    for run, model in models.items():
        try:
            rows, outputs = evaluator.outputs(model)
        except (ValueError, tf.errors.OpError):
            if len(bad_files.reasons) >= manifest["path"].nunique():
                path, reason = next(iter(bad_files.reasons.items()))
                raise InputError(
                    f"none of the {len(manifest)} files can be decoded; the first is {path}: "
                    f"{reason}. Check the paths"
                ) from None
            raise
        figures = evaluator.metrics_of(model, rows, outputs, bootstrap, lengths=False)
        yield from ((run, task, of_task) for task, of_task in figures.items())


def _verification(
    models: dict, manifest: pd.DataFrame, recipe: str, bad_files: BadFiles, bootstrap: int
) -> Iterator[tuple[str, str, dict]]:
    for run, model in models.items():
        pairs = score_pairs(model, manifest, recipe, bad_files=bad_files)
        scores, same, folds = (pairs[name].to_numpy() for name in ("score", "same", "fold"))
        yield run, VERIFICATION, verification_metrics(scores, same, folds, bootstrap=bootstrap)
