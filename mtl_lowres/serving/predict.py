"""What a model answers for image and video files, in the words a person reads."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.model import MultiTaskModel

_IMAGES_A_BATCH, _CLIPS_A_BATCH = 64, 8
_ROW = "_row"


def predict_files(model: MultiTaskModel, paths: Sequence[str | Path]) -> Iterator[dict]:
    """Yield one record a file, in the order given.

    Files of any size are decoded and degraded by the model's own recipe. A model of clips takes
    videos, arrays of frames (`.npy`, `.npz`) and images, of which the model's own rule picks the
    frames (`uniform` where it has none).

    Yields:
        `{"path", "ok": True, <task>: {"label", "index", "confidence"}, ...}`, with
        `{"label", "value", "unit"}` for age, or `{"path", "ok": False, "error": reason}` for a
        file that cannot be decoded.

    Example:
        >>> for answer in predict_files(mtl.load_model("runs/a/model"), ["a.jpg", "b.png"]):
        ...     print(answer["path"], answer["posture"]["label"])
    """
    paths = [str(path) for path in paths]
    if not paths:
        return
    # Every file may be bad: each gets its own answer.
    bad_files = BadFiles(len(paths), budget=1.0)
    position = 0
    for rows, answers in _answers(model, paths, bad_files):
        for row, answer in zip(rows, answers, strict=True):
            yield from (_bad_answer(path, bad_files) for path in paths[position:row])
            yield {"path": paths[row], "ok": True} | answer
            position = row + 1
    yield from (_bad_answer(path, bad_files) for path in paths[position:])


def _answers(
    model: MultiTaskModel, paths: list[str], bad_files: BadFiles
) -> Iterator[tuple[np.ndarray, list[dict]]]:
    """Yield the places of good files and task -> decoded answer of each, a batch at a time."""
    frames = model.description["input_shape"][:-3]
    clip = model.description.get("clip") or f"uniform({frames[0]})" if frames else None
    dataset = make_dataset(
        pd.DataFrame({"path": paths, _ROW: np.arange(len(paths))}),
        [_ROW],
        degrade=model.description["degrade"],
        clip=clip,
        batch_size=_CLIPS_A_BATCH if frames else _IMAGES_A_BATCH,
        cache="none",
        bad_files=bad_files,
    )
    for images, labels, _ in dataset:
        outputs = model.forward(images)
        decoded = {
            task: head.decode(outputs[task].numpy(), model.class_names.get(task))
            for task, head in model.heads.items()
        }
        rows = labels[_ROW].numpy()
        yield rows, [{task: of[i] for task, of in decoded.items()} for i in range(len(rows))]


def _bad_answer(path: str, bad_files: BadFiles) -> dict:
    return {"path": path, "ok": False, "error": bad_files.reasons[path]}
