"""Image and video files as batches of what a model sees."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.model import MultiTaskModel

_IMAGES_A_BATCH, _CLIPS_A_BATCH = 64, 8
_ROW = "_row"


def read_batches(
    model: MultiTaskModel, paths: Sequence[str], bad_files: BadFiles, degrade: str | None = None
) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Yield the places of files that can be read and their images or clips, in order.

    A model of clips takes its own rule's frames, or `uniform` ones where it has none.

    Args:
        model: it says which recipe and clips it takes.
        paths: files of any size.
        bad_files: collects those that cannot be read.
        degrade: another recipe than the model's own.
    """
    frames = model.description["input_shape"][:-3]
    clip = model.description.get("clip") or (f"uniform({frames[0]})" if frames else None)
    dataset = make_dataset(
        pd.DataFrame({"path": list(paths), _ROW: np.arange(len(paths))}),
        [_ROW],
        degrade=degrade or model.description["degrade"],
        clip=clip,
        batch_size=_CLIPS_A_BATCH if frames else _IMAGES_A_BATCH,
        cache="none",
        bad_files=bad_files,
    )
    for images, labels, _ in dataset:
        yield labels[_ROW].numpy(), images
