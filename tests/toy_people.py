"""A tiny model that names postures and embeds faces, and images of a few people for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.heads import Embedding, Posture
from mtl_lowres.model import build_model
from mtl_lowres.multi_task_model import MultiTaskModel
from mtl_lowres.registry import TRUNKS

POSTURES = ["steht", "sitzt", "liegt ✓"]
WIDTH = 6


def _toy_flat(input_shape):
    inputs = tf.keras.Input(input_shape, name="toy_flat_input")
    x = tf.keras.layers.Flatten(name="toy_flat_values")(inputs)
    x = tf.keras.layers.Rescaling(4.0, offset=-2.0, name="toy_flat_scaled")(x)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(12, "tanh", name="toy_flat_dense")(x))


@contextmanager
def toy_trunk() -> Iterator[None]:
    """Make the trunk known; within these tests only, as others run every trunk there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRUNKS._entries, "toy_flat", _toy_flat)
        yield


def people_model(seed: int = 1, heads=None, frames: int = 0, **options) -> MultiTaskModel:
    """Return an untrained model of 8 x 8 images or clips; its recipe averages over areas."""
    tf.keras.utils.set_random_seed(seed)
    heads = heads or {"posture": Posture(3), "face": Embedding(WIDTH)}
    names = {"posture": POSTURES} if "posture" in heads else {}
    shape = (frames, 8, 8, 3) if frames else (8, 8, 3)
    return build_model("toy_flat", heads, shape, names, "area(8)", **options)


def draw_people(folder: Path, people: int = 6, images: int = 4) -> pd.DataFrame:
    """Write images of people who differ, 24 x 30, and return their manifest, all of split val."""
    random = np.random.default_rng(0)
    rows = []
    for person in range(people):
        face = random.integers(0, 200, (24, 30, 3))
        for number in range(images):
            pixels = (face + random.integers(0, 56, face.shape)).astype(np.uint8)
            path = write_image(folder / f"pärson {person} {number}.png", pixels)
            rows.append((str(path), f"pärson {person}", "val", (person + number) % 3))
    table = pd.DataFrame(rows, columns=["path", "subject", "split", "posture"])
    table.attrs["classes"] = {"posture": POSTURES}
    return table.astype({"posture": "Int64"})


def write_image(path: Path, pixels: np.ndarray) -> Path:
    """Write uint8 RGB as PNG, under any name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())
    return path


def outputs_for(model, paths, recipe: str = "area(8)") -> dict[str, np.ndarray]:
    """Return the model's outputs for PNG files, read with OpenCV and degraded one by one."""
    low = _degraded(paths, recipe)
    return {task: output.numpy() for task, output in model(low, training=False).items()}


def unit_embeddings(model, paths, recipe: str = "area(8)") -> np.ndarray:
    """Return the face embeddings of images and of their mirror images together, of length 1."""
    low = _degraded(paths, recipe)
    both = [model(images, training=False)["face"].numpy() for images in (low, low[:, :, ::-1])]
    joined = np.concatenate(both, axis=1)
    return joined / np.linalg.norm(joined, axis=1, keepdims=True)


def spare_pipeline(patch: pytest.MonkeyPatch) -> None:
    """Let good images of one size be read one by one: the pipeline's graph takes seconds to build.

    For what is refused or decided after the images are read by measuring.
    """
    for module in ("training.embed", "training.evaluate"):
        patch.setattr(f"mtl_lowres.{module}.make_dataset", _Batches)


class _Batches:
    """What the pipeline would give for good images of one size."""

    def __init__(self, manifest, tasks, *, degrade, batch_size=64, **options):
        self._parts = [manifest[at : at + batch_size] for at in range(0, len(manifest), batch_size)]
        self._tasks, self._degrade = tasks, degrade

    def __iter__(self):
        for part in self._parts:
            labels = {task: tf.constant(part[task].to_numpy()) for task in self._tasks}
            yield _degraded(part["path"], self._degrade), labels, {}

    def cardinality(self):
        return tf.data.UNKNOWN_CARDINALITY


def _degraded(paths, recipe: str) -> tf.Tensor:
    images = [cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) for path in paths]
    pixels = np.stack(images)[..., ::-1].astype(np.float32) / 255
    return parse_recipe(recipe)(tf.constant(pixels))
