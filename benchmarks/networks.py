"""The two networks that the benchmarks measure, and made-up data to feed them with.

What is in the images does not matter to speed, so they are noise; they are written as files and
read as a user's own.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

import mtl_lowres as mtl
from mtl_lowres.demo import FOUR_TASKS
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.optimizers import make_optimizer
from mtl_lowres.training.prepare import new_model

LOWNET = TrainConfig(
    tasks=("posture",),
    heads={"posture": "posture(loss='nll')"},
    optimizer="adam",
    schedule="constant",
)
# As many as the demo has; age is in years.
CLASSES = {"posture": 6, "action": 12, "identity": 16, "age": 80}
LOWNET_CLASSES = {"posture": 38}


def noise_images(folder: Path, count: int) -> pd.DataFrame:
    """Write images of 16x16 pixels and return their manifest; the posture is one of 38."""
    images = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        tf.io.write_file(str(folder / f"{number}.png"), tf.io.encode_png(image))
    return _manifest(folder, "png", count, LOWNET_CLASSES)


def noise_clips(folder: Path, count: int) -> pd.DataFrame:
    """Write clips of 12 frames of 16x16 pixels and return their manifest, with all four labels."""
    clips = np.random.default_rng(0).integers(0, 256, (count, 12, 16, 16), dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate(clips):
        np.save(folder / f"{number}.npy", clip)
    return _manifest(folder, "npy", count, CLASSES)


def _manifest(folder: Path, suffix: str, count: int, classes: dict[str, int]) -> pd.DataFrame:
    numbers = np.arange(count)
    paths = {"path": [str(folder / f"{number}.{suffix}") for number in numbers]}
    return pd.DataFrame(paths | {task: numbers % among for task, among in classes.items()})


def alone(task: str) -> TrainConfig:
    """Return the settings of the demo's network for one of its tasks alone."""
    heads = {name: head for name, head in FOUR_TASKS.heads.items() if name == task}
    return dataclasses.replace(FOUR_TASKS, tasks=(task,), heads=heads)


def untrained(config: TrainConfig, manifest: pd.DataFrame) -> MultiTaskModel:
    """Return a network with the same random weights every time."""
    tf.keras.utils.set_random_seed(0)
    return new_model(config, manifest)


def ready_to_fit(config: TrainConfig, manifest: pd.DataFrame) -> tuple:
    """Return a compiled network and its batches, as `mtl-lowres train` makes them.

    Args:
        config: the settings.
        manifest: rows that are all trained on.
    """
    # Training is repeatable to the bit, and pays for it here as there.
    tf.config.experimental.enable_op_determinism()
    tf.keras.backend.experimental.enable_tf_random_generator()
    model = untrained(config, manifest)
    steps = -(-len(manifest) // config.batch_size)
    model.compile(
        make_optimizer(config, steps, model.trunk.trainable_variables), weighting=config.weighting
    )
    batches = mtl.make_dataset(
        manifest,
        config.tasks,
        degrade=config.degrade,
        clip=config.clip or None,
        augment=config.augment or None,
        batch_size=config.batch_size,
        training=True,
    )
    return model, batches
