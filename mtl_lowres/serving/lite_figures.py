"""What quantisation costs, in the figures of the tasks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import UNLABELLED, classification_metrics
from mtl_lowres.evaluation.regression import regression_metrics
from mtl_lowres.evaluation.sweep import headline_figures
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.answers import served_answers
from mtl_lowres.serving.files import read_rows
from mtl_lowres.serving.lite_model import LiteModel


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
    batches = list(read_rows(model, manifest))
    places = [place for batch in batches for place in batch.places]
    good = ["error" not in place for place in places]
    if not any(good):
        first = places[0]
        raise InputError(
            f"none of the {len(manifest)} files can be read; the first is {first['path']}: "
            f"{first['error']}. Check the paths"
        )
    return np.concatenate([batch.samples for batch in batches]), manifest[good]


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
    networks = {"keras": lambda samples: served_answers(model, model.forward(samples))}
    networks |= {kind: LiteModel(Path(folder) / f"{kind}.tflite") for kind in kinds}
    lines = []
    for kind, network in networks.items():
        answers = {name: np.asarray(values) for name, values in network(samples).items()}
        for task, figures in _figures(model, manifest, answers):
            for figure in headline_figures(figures):
                place = {"kind": kind, "task": task}
                lines.append(place | {name: figure[name] for name in ("metric", "value")})
    if not lines:
        raise InputError(
            f"no row has a label of {', '.join(model.heads)}: leave out --figures, or add some"
        )
    return pd.DataFrame(lines)


def _figures(
    model: MultiTaskModel, manifest: pd.DataFrame, answers: dict[str, np.ndarray]
) -> Iterator[tuple[str, dict]]:
    """Yield each task that has a label, and its figures."""
    for task, head in model.heads.items():
        only_embeds = head.classes is None and head.unit is None
        if only_embeds or task not in manifest or manifest[task].isna().all():
            continue
        truth = pd.to_numeric(manifest[task]).to_numpy(np.float64, na_value=np.nan)
        if head.classes is None:
            yield task, regression_metrics(truth, answers[f"{task}_{head.unit}"], bootstrap=0)
            continue
        # A linear SVM serves scores, of which the head makes probabilities.
        scores = answers.get(f"{task}_scores", answers.get(f"{task}_probabilities"))
        yield (
            task,
            classification_metrics(
                np.nan_to_num(truth, nan=UNLABELLED).astype(np.int64),
                head.probabilities(scores),
                class_names=model.class_names.get(task),
                bootstrap=0,
            ),
        )
