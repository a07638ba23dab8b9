"""Image and video files as batches of what a model sees."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.sources import open_loader
from mtl_lowres.model import MultiTaskModel

_IMAGES_A_BATCH, _CLIPS_A_BATCH = 64, 8


def read_batches(
    model: MultiTaskModel, paths: Sequence[str], bad_files: BadFiles, degrade: str | None = None
) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Yield the places of files that can be read and their images or clips, in order.

    Args:
        model, bad_files, degrade: as in `read_rows`.
        paths: files of any size.
    """
    return read_rows(model, pd.DataFrame({"path": list(paths)}), bad_files, degrade)


def read_rows(
    model: MultiTaskModel, manifest: pd.DataFrame, bad_files: BadFiles, degrade: str | None = None
) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Yield the places of rows that can be read and their images or clips, in order.

    A model of clips takes its own rule's frames, or `uniform` ones where it has none.

    Args:
        model: it says which recipe and clips it takes.
        manifest: rows with `path`, and for clips perhaps `start`, `stop` and `flow`.
        bad_files: collects those that cannot be read.
        degrade: another recipe than the model's own.
    """
    frames = model.description["input_shape"][:-3]
    loader = open_loader(
        manifest,
        (),
        degrade=degrade or model.description["degrade"],
        hr=None,
        clip=model.description.get("clip") or (f"uniform({frames[0]})" if frames else None),
        augmentation=None,
        seed=0,
        fast_decode=False,
    )
    size = _CLIPS_A_BATCH if frames else _IMAGES_A_BATCH
    # Not by a dataset, which takes longer to set up than a few files take to read.
    for first in range(0, len(manifest), size):
        rows = np.arange(first, min(first + size, len(manifest)))
        images, ok = loader(tf.constant(rows, tf.int64), 0)
        good = ok.numpy()
        bad_files.record({loader.paths[row]: loader.explain(row) for row in rows[~good]})
        if good.any():
            yield rows[good], tf.boolean_mask(images["lr"], good)
