"""What a model answers for image and video files, in the words a person reads."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.calibrated import calibrated_output, shorter_side
from mtl_lowres.serving.files import read_batches
from mtl_lowres.serving.gallery import Gallery


def predict_files(
    model: MultiTaskModel,
    paths: Sequence[str | Path],
    *,
    gallery: Gallery | None = None,
    degrade: str | None = None,
) -> Iterator[dict]:
    """Yield one record a file, in the order given.

    Files of any size are decoded and degraded by the model's own recipe. A model of clips takes
    videos, arrays of frames (`.npy`, `.npz`) and images, of which the model's own rule picks the
    frames (`uniform` where it has none).

    Where the model is calibrated, confidences are those at the temperature of the largest
    calibrated size not above the file's (of the smallest for a file below all), by their shorter
    sides.

    Args:
        model: made by `build_model`, with a recipe.
        paths: the files.
        gallery: enrolled people, among whom each file's is looked for.
        degrade: another recipe than the model's own.

    Yields:
        `{"path", "ok": True, "calibrated", <task>: {"label", "index", "confidence"}, ...}`, with
        `{"label", "value", "unit"}` for age and `{"label", "embedding"}` for an embedding;
        `calibrated` says whether a confidence is at a temperature. With a gallery also `"gallery"`:
        what `Gallery.name` returns. `{"path", "ok": False, "error": reason}` for a file that cannot
        be decoded.

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
    for rows, images in read_batches(model, paths, bad_files, degrade):
        sides = _sides(model, [paths[row] for row in rows])
        answers = _answers(model, images, sides)
        people = [{"gallery": p} for p in gallery.name(images, sides)] if gallery else None
        for place, row in enumerate(rows):
            yield from (_bad_answer(path, bad_files) for path in paths[position:row])
            record = {"path": paths[row], "ok": True} | answers[place]
            yield record | people[place] if people else record
            position = row + 1
    yield from (_bad_answer(path, bad_files) for path in paths[position:])


def _sides(model: MultiTaskModel, paths: Sequence[str]) -> list[int]:
    """Return the shorter side of each file where the calibration depends on it, else 0."""
    calibration = model.description.get("calibration", {})
    sizes = [len(entries) for tasks in calibration.values() for entries in tasks.values()]
    if max(sizes, default=0) < 2:
        return [0] * len(paths)
    return [shorter_side(path) for path in paths]


def _answers(model: MultiTaskModel, images: tf.Tensor, sides: Sequence[int]) -> list[dict]:
    """Return task -> decoded answer for each image."""
    outputs = model.forward(images)
    decoded = {
        task: head.decode(
            calibrated_output(model, task, outputs[task], tf.constant(sides)).numpy(),
            model.class_names.get(task),
        )
        for task, head in model.heads.items()
    }
    calibrated = bool(model.description.get("calibration", {}).get("temperature"))
    return [
        {"calibrated": calibrated} | {task: of[place] for task, of in decoded.items()}
        for place in range(len(sides))
    ]


def _bad_answer(path: str, bad_files: BadFiles) -> dict:
    return {"path": path, "ok": False, "error": bad_files.reasons[path]}
