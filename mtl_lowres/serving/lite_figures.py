"""What quantisation costs, in the figures of the tasks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.sweep import headline_figures
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.files import read_rows
from mtl_lowres.serving.lite_model import LiteModel
from mtl_lowres.training.evaluate import Evaluator


def read_samples(model: MultiTaskModel, manifest: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Return what a network sees of the rows that can be read, and these rows.

    Args:
        model: it says which recipe and clips it takes.
        manifest: rows with a column `path`, and for clips perhaps `start`, `stop` and `flow`.

    Returns:
        float32 [n, *input_shape], and n rows.

    Raises:
        InputError: if none of the rows can be read.
    """
    bad_files = BadFiles(len(manifest), budget=1.0)
    batches = list(read_rows(model, manifest, bad_files))
    if not batches:
        path, reason = next(iter(bad_files.reasons.items()))
        raise InputError(
            f"none of the {len(manifest)} files can be read; the first is {path}: {reason}. Check "
            "the paths"
        )
    places, samples = zip(*batches, strict=True)
    return np.concatenate(samples), manifest.iloc[np.concatenate(places)]


def lite_figures(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    samples: np.ndarray,
    folder: str | Path,
    kinds: Sequence[str],
) -> pd.DataFrame:
    """Return the figures of a model and of its TensorFlow Lite files on the same samples.

    Args:
        model: that the files were made of.
        manifest: rows with labels.
        samples: what the network sees of them, float32 [n, *input_shape].
        folder: of the files.
        kinds: of the files in it.

    Returns:
        A row for each of keras and the kinds, each task and metric: `kind`, `task`, `metric`,
        `value`.

    Raises:
        InputError: if no row has a label.
    """
    evaluator = Evaluator(
        manifest, model.description["degrade"], clip=model.description.get("clip")
    )
    networks = {"keras": model.forward}
    networks |= {kind: LiteModel(Path(folder) / f"{kind}.tflite") for kind in kinds}
    lines = []
    for kind, network in networks.items():
        outputs = {task: np.asarray(output) for task, output in network(samples).items()}
        figures = evaluator.metrics_of(model, np.arange(len(samples)), outputs, bootstrap=0)
        for task, of_task in figures.items():
            for figure in headline_figures(of_task):
                place = {"kind": kind, "task": task}
                lines.append(place | {name: figure[name] for name in ("metric", "value")})
    if not lines:
        raise InputError(
            f"no row has a label of {', '.join(model.heads)}: leave out --figures, or add some"
        )
    return pd.DataFrame(lines)
