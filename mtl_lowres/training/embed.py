"""The embeddings that a model gives the images of a manifest, and the scores of its pairs."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.datasets.pairs import pair_rows
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.verification import pair_scores
from mtl_lowres.model import MultiTaskModel

_ROW = "_row"
_SAMPLE = ("path", "start", "stop")


def embed(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    degrade: str | None = None,
    *,
    task: str | None = None,
    mirrored: bool = True,
    batch_size: int = 64,
    cache: str = "none",
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the embedding of every row whose file can be read; each file is decoded once.

    It is the embedding of a head, as the head gives it, or the features of the trunk where no head
    has one.

    Args:
        model: made by `build_model`.
        manifest: rows with a column `path`; of clips perhaps also `start` and `stop`.
        degrade: degradation recipe; default: the model's own.
        task: whose head's embedding to take; default: the first head's that has one.
        mirrored: append the embedding of the mirrored image, as verification of faces does
            (SphereFace's `evaluation.m`).
        batch_size: images a step.
        cache: `"memory"` or `"none"`; the first only where the recipe repeats itself.
        bad_files: collects what cannot be decoded; default: a new one with a budget of 1 %.
        progress: show a progress bar.

    Returns:
        The positions of the rows that could be read, int64 [k], ascending, and their embeddings,
        float32 [k, d], or [k, 2 d] with `mirrored`; not normalised.

    Raises:
        InputError: if there is no such task, its head has no embedding, the recipe does not fit the
            model, or more files are bad than the budget allows.

    Example:
        >>> rows, embeddings = embed(model, manifest, "area(16)|bicubic(150)")
    """
    degrade = _checked_degrade(model, degrade)
    sample = manifest.groupby([c for c in _SAMPLE if c in manifest], dropna=False, sort=False)
    number = sample.ngroup().to_numpy()
    _, first = np.unique(number, return_index=True)
    bad_files = bad_files if bad_files is not None else BadFiles(len(first))
    dataset = make_dataset(
        manifest.iloc[first].assign(**{_ROW: np.arange(len(first))}),
        [_ROW],
        degrade=degrade,
        clip=model.description.get("clip"),
        batch_size=batch_size,
        cache=cache,
        bad_files=bad_files,
    )
    embed_batch = _batch_embedder(model, task, mirrored)
    numbers, embeddings = [], []
    try:
        steps = -(-len(first) // batch_size)
        for images, labels, _ in tqdm(dataset, "embedding", steps, delay=2, disable=not progress):
            numbers.append(labels[_ROW].numpy())
            embeddings.append(embed_batch(images).numpy())
    except tf.errors.OpError:
        if bad_files.error is not None:
            raise bad_files.error from None
        raise
    if not numbers:
        raise InputError(f"none of the {len(first)} files of the manifest can be decoded")
    place = np.full(len(first), -1)
    place[np.concatenate(numbers)] = np.arange(sum(map(len, numbers)))
    rows = np.flatnonzero(place[number] >= 0)
    return rows, np.concatenate(embeddings)[place[number[rows]]]


def score_pairs(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    degrade: str | None = None,
    *,
    subtract_mean: bool = False,
    **options,
) -> pd.DataFrame:
    """Return the cosine score of every pair of which both files can be read.

    Args:
        model: made by `build_model`.
        manifest: of pairs, see `datasets.pairs.pair_manifest`.
        degrade: degradation recipe; default: the model's own.
        subtract_mean: see `evaluation.verification.pair_scores`.
        **options: further arguments of `embed`.

    Returns:
        path_a, path_b, same (0 or 1), fold and score, float64 in [-1, 1]; one row a pair.

    Raises:
        InputError: if the manifest is none of pairs, or `embed` or `pair_scores` refuses.
    """
    first, second = pair_rows(manifest)
    rows, embeddings = embed(model, manifest, degrade, **options)
    place = np.full(len(manifest), -1)
    place[rows] = np.arange(len(rows))
    readable = (place[first] >= 0) & (place[second] >= 0)
    first, second = first[readable], second[readable]
    paths = manifest["path"].to_numpy()
    folds = manifest["fold"].to_numpy(np.int64)[first]
    scores = pair_scores(
        embeddings[place[first]], embeddings[place[second]], folds, subtract_mean=subtract_mean
    )
    return pd.DataFrame(
        {
            "path_a": paths[first],
            "path_b": paths[second],
            "same": manifest["same"].to_numpy(np.int64)[first],
            "fold": folds,
            "score": scores,
        }
    )


def embedding_source(model: MultiTaskModel, task: str | None = None) -> str | None:
    """Return the task whose head gives the embedding, None where the trunk does.

    Raises:
        InputError: if there is no such task or its head has no embedding.
    """
    if task is None:
        return next((name for name, head in model.heads.items() if head.embeds), None)
    if task not in model.heads:
        raise InputError(f"there is no task {task!r}: the model has {', '.join(model.heads)}")
    if not model.heads[task].embeds:
        raise InputError(
            f"the head of task {task!r} has no embedding: name another task, or none for the "
            "trunk's features"
        )
    return task


def _batch_embedder(model: MultiTaskModel, task: str | None, mirrored: bool) -> Callable:
    """Return a traced function from images [n, ..., h, w, c] to embeddings [n, d or 2 d]."""
    source = embedding_source(model, task)

    def of_images(images):
        if source is None:
            return model.trunk(images, training=False)
        return model.heads[source].embedding_of(model(images, training=False)[source])

    @tf.function(input_signature=[tf.TensorSpec(model.input.shape, model.input.dtype)])
    def of_batch(images):
        if not mirrored:
            return tf.cast(of_images(images), tf.float32)
        both = of_images(tf.concat([images, tf.reverse(images, axis=[-2])], axis=0))
        return tf.cast(tf.concat(tf.split(both, 2), axis=-1), tf.float32)

    return of_batch


def _checked_degrade(model: MultiTaskModel, degrade: str | None) -> str:
    """Return the recipe, the model's own by default, if it gives what the model takes."""
    degrade = degrade or model.description.get("degrade")
    if degrade is None:
        raise InputError("the model has no degradation recipe: give degrade")
    made, wanted = parse_recipe(degrade).output_size(None, None), tuple(model.input.shape[-3:-1])
    if None not in wanted and made != wanted:
        raise InputError(
            f"degrade={degrade!r} gives images of {made}, but the model takes {wanted}: end the "
            f"recipe with bicubic{wanted}"
        )
    return degrade
