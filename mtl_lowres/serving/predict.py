"""What a model answers for image files, in the words a person reads."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.decode import explain
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.loading import Loader
from mtl_lowres.model import MultiTaskModel

_BATCH = 64


def predict_files(model: MultiTaskModel, paths: Sequence[str | Path]) -> Iterator[dict]:
    """Yield one record a file, in the order given.

    Files of any size are decoded and degraded by the model's own recipe.

    Yields:
        `{"path", "ok": True, <task>: {"label", "index", "confidence"}, ...}`, or
        `{"path", "ok": False, "error": reason}` for a file that cannot be decoded.

    Example:
        >>> for answer in predict_files(mtl.load_model("runs/a/model"), ["a.jpg", "b.png"]):
        ...     print(answer["path"], answer["posture"]["label"])
    """
    paths = [str(path) for path in paths]
    if not paths:
        return
    recipe = parse_recipe(model.description["degrade"])
    loader = Loader(pd.DataFrame({"path": paths}), recipe, None, seed=0, fast_decode=False)
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        images, ok = loader(tf.range(start, start + len(batch)), 0)
        outputs = model.forward(images)
        answers = {
            task: head.decode(outputs[task].numpy(), model.class_names.get(task))
            for task, head in model.heads.items()
        }
        for position, (path, good) in enumerate(zip(batch, ok.numpy(), strict=True)):
            if good:
                yield {"path": path, "ok": True} | {t: a[position] for t, a in answers.items()}
            else:
                reason = explain(path) or "could not be degraded"
                yield {"path": path, "ok": False, "error": reason}
