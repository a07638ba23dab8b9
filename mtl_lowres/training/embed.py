"""The embeddings that a model gives the images of a manifest, and the scores of its pairs."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.mirror import mirror_images
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.verification import rank1_identification
from mtl_lowres.input_recipe import input_recipe
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.verify import SAMPLE_COLUMNS, check_pairs, pair_table

_ROW = "_row"


def embed(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    degrade: str | None = None,
    *,
    task: str | None = None,
    mirrored: bool | Literal["mean"] = True,
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
            (SphereFace's `evaluation.m`); `"mean"`: return the mean of both in its place.
        batch_size: images a step.
        cache: `"memory"` or `"none"`; the first only where the recipe repeats itself.
        bad_files: collects what cannot be decoded; default: a new one with a budget of 1 %.
        progress: show a progress bar.

    Returns:
        The positions of the rows that could be read, int64 [k], ascending, and their embeddings,
        float32 [k, d], or [k, 2 d] with `mirrored=True`; not normalised.

    Raises:
        InputError: if there is no such task, its head has no embedding, the recipe does not fit the
            model, or more files are bad than the budget allows.

    Example:
        >>> rows, embeddings = embed(model, manifest, "area(16)|bicubic(150)")
    """
    degrade = input_recipe(model.description, degrade)
    sample = manifest.groupby(
        [c for c in SAMPLE_COLUMNS if c in manifest], dropna=False, sort=False
    )
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
    metric: str = "cosine",
    subtract_mean: bool = False,
    mirrored: bool = True,
    **options,
) -> pd.DataFrame:
    """Return the score of every pair of which both files can be read.

    Args:
        model: made by `build_model`.
        manifest: of pairs, see `datasets.pairs.pair_manifest`.
        degrade: degradation recipe; default: the model's own.
        metric: see `training.verify.pair_table`.
        subtract_mean: see `evaluation.verification.pair_scores`.
        mirrored: embed the mirrored image too, and append that embedding or, for joint Bayes, take
            the mean of both.
        **options: further arguments of `embed`.

    Returns:
        One row a pair; see `training.verify.pair_table`.

    Raises:
        InputError: if the manifest is none of pairs, or `embed` or `pair_table` refuses.
    """
    check_pairs(manifest, metric, subtract_mean)
    views = "mean" if mirrored and metric == "joint_bayes" else mirrored
    rows, embeddings = embed(model, manifest, degrade, mirrored=views, **options)
    return pair_table(rows, embeddings, manifest, metric=metric, subtract_mean=subtract_mean)


def identify(
    model: MultiTaskModel, manifest: pd.DataFrame, degrade: str | None = None, **options
) -> dict:
    """Return how often the nearest other image shows the same person.

    Args:
        model: made by `build_model`.
        manifest: with the columns `path` and `subject`.
        degrade: degradation recipe; default: the model's own.
        **options: further arguments of `embed`.

    Returns:
        What `evaluation.verification.rank1_identification` gives.

    Raises:
        InputError: if `embed` refuses, or there are not two people with two images.
    """
    rows, embeddings = embed(model, manifest, degrade, **options)
    return rank1_identification(embeddings, manifest["subject"].iloc[rows])


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


def _batch_embedder(
    model: MultiTaskModel, task: str | None, mirrored: bool | Literal["mean"]
) -> Callable:
    """Return the function from images [n, ..., h, w, c] to embeddings [n, d or 2 d]."""
    source = embedding_source(model, task)
    if mirrored not in (True, False, "mean"):
        raise InputError(f"mirrored={mirrored!r}: give True, False or 'mean'")

    of_trunk = tf.function(
        lambda images: model.trunk(images, training=False),
        input_signature=[tf.TensorSpec(model.input.shape, model.input.dtype)],
    )

    def of_images(images):
        if source is None:
            return of_trunk(images)
        return model.heads[source].embedding_of(model.forward(images)[source])

    def of_batch(images):
        if not mirrored:
            return tf.cast(of_images(images), tf.float32)
        both = of_images(tf.concat([images, mirror_images(images)], axis=0))
        halves = tf.split(both, 2)
        joined = tf.add_n(halves) / 2 if mirrored == "mean" else tf.concat(halves, axis=-1)
        return tf.cast(joined, tf.float32)

    return of_batch
