"""Embeddings of encoded files in an exported graph: as vectors, and compared two by two.

They are vectors of length 1, so that their dot product is their cosine. Where a head embeds, it is
its embedding of the image and of the mirror image side by side, as verification, the calibrated
thresholds and a gallery compare them. Where none does, it is the features of the trunk, of the
image alone, and no head is computed.
"""

from collections.abc import Callable

import tensorflow as tf

from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.batches import blank_where_bad, for_any_batch
from mtl_lowres.serving.calibrated import (
    embedding_task,
    entries_of,
    mirrored_embedding,
    value_for,
)
from mtl_lowres.serving.encoded import EncodedFiles


def embedding_function(
    model: MultiTaskModel, files: EncodedFiles, name: str
) -> tf.types.experimental.GenericFunction:
    """Return the function from encoded items [n] to `embedding` and `ok`.

    Args:
        model: made by `build_model`.
        files: how the items are read.
        name: of the input, such as `"image_bytes"`.
    """

    def embedding(contents):
        embeddings, _, ok = _embedded(model, files, contents)
        return {"embedding": embeddings, "ok": ok}

    return tf.function(embedding, input_signature=[files.spec(name)])


def verify_function(
    model: MultiTaskModel, files: EncodedFiles
) -> tf.types.experimental.GenericFunction | None:
    """Return the function that tells whether each two encoded items show one person.

    Args:
        model: made by `build_model`.
        files: how the items are read.

    Returns:
        From `first` and `second` to `similarity`, `same` and `ok`; None where no threshold is
        calibrated.
    """
    task = embedding_task(model)
    entries = [] if task is None else entries_of(model, "threshold", task)
    if not entries:
        return None

    def verify(first, second):
        check = tf.debugging.assert_equal(
            tf.shape(first), tf.shape(second), "first and second must be equally many"
        )
        with tf.control_dependencies([check]):
            (a, sides_a, ok_a), (b, sides_b, ok_b) = (
                _embedded(model, files, contents) for contents in (first, second)
            )
        ok = ok_a & ok_b
        similarity = tf.reduce_sum(a * b, axis=1)
        threshold = value_for(entries, "threshold", tf.minimum(sides_a, sides_b))
        return {"similarity": similarity, "same": ok & (similarity >= threshold), "ok": ok}

    return tf.function(verify, input_signature=[files.spec("first"), files.spec("second")])


def embedding_label(model: MultiTaskModel) -> dict:
    """Return what a client must know of the signature `embedding`: whose it is, and its width."""
    task = embedding_task(model)
    if task is None:
        return {"of": "trunk", "mirrored": False, "width": model.trunk.output.shape[-1]}
    return {"of": task, "mirrored": True, "width": 2 * embedding_width(model, task)}


def embedding_width(model: MultiTaskModel, task: str) -> int | None:
    """Return the width of what the head of a task gives as an embedding; None if it gives none."""
    head = model.heads[task]
    return head.embedding_of(model.output[task]).shape[-1] if head.embeds else None


def _embedded(
    model: MultiTaskModel, files: EncodedFiles, contents: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return embeddings [n, d], zeros where an item is not ok; shorter sides [n] and ok [n]."""
    inputs, sides, ok = files.read(contents)
    embeddings = tf.math.l2_normalize(for_any_batch(_embedder(model), inputs), axis=1)
    return blank_where_bad(embeddings, ok), sides, ok


def _embedder(model: MultiTaskModel) -> Callable:
    """Return the function from what the network takes to embeddings float32 [n, d]."""
    task = embedding_task(model)
    if task is None:
        return lambda inputs: tf.cast(model.trunk(inputs, training=False), tf.float32)
    return lambda inputs: mirrored_embedding(model, task, inputs)
