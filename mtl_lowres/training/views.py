"""Augmented views of each row, kept with a teacher's answers, which then are asked for once."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.data.degrade import sample_seed
from mtl_lowres.data.epochs import epochs_of
from mtl_lowres.data.kept_arrays import keep_arrays, row_reader
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.rows import DECODE_BATCH, good_rows
from mtl_lowres.data.sources import label_tables, open_loader
from mtl_lowres.data.two_sizes import TwoSizeLoader
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.teacher import Teacher

# Keeps the draw of the views apart from that of the order.
_VIEW_STREAM = 2_000_003
# Before the name of a task, which may be any.
_ANSWER = "answer_"


def dataset_of_views(
    manifest: pd.DataFrame,
    config: TrainConfig,
    teacher: Teacher,
    label: Callable,
    *,
    classes: dict[str, int],
    first_epoch: int,
    cache_dir: str | Path | None,
    bad_files: BadFiles,
    progress: bool,
) -> tf.data.Dataset:
    """Return training batches whose images are drawn from `config.teacher_views` views a row.

    What is kept depends on `split_seed` and not on `seed`, so that runs which share a `cache_dir`
    share it. View v of a row is what epoch v of `split_seed` would show of it. Where nothing is
    random before the low resolution, one view is kept.

    Args:
        manifest: rows to train on.
        config: settings of the student.
        teacher: what answers about the views.
        label: (labels, weights, answers) -> (labels, weights), with the teacher's part in them.
        classes, first_epoch, cache_dir, bad_files, progress: as in `make_dataset`.
    """
    augmentation = parse_augment(config.augment) if config.augment else None
    loader = open_loader(
        manifest,
        config.labelled_tasks,
        degrade=config.degrade,
        hr=teacher.recipe,
        clip=config.clip or None,
        augmentation=augmentation,
        # Not the run's own seed, so that runs of other seeds can share what is kept.
        seed=config.split_seed,
        fast_decode=config.fast_decode,
    )
    views = 1 if loader.repeatable else config.teacher_views
    folder = Path(cache_dir) if config.cache == "disk" else None
    arrays = _keep_views(loader, teacher, views, folder, progress)
    count = len(manifest)
    rows = good_rows(loader, arrays.pop("ok").reshape(views, count).all(axis=0), bad_files)
    readers = {name: row_reader(array) for name, array in arrays.items()}
    depths = classes if augmentation and augmentation.mixes else None
    tables = label_tables(manifest, config.labelled_tasks, depths)

    def batch(index, epoch):
        seed = sample_seed(config.seed + _VIEW_STREAM, epoch, 0)
        drawn = tf.random.stateless_uniform([count], seed, 0, views, tf.int64)
        places = tf.gather(drawn, index) * count + index
        values = {name: read(places) for name, read in readers.items()}
        answers = {task: values[_ANSWER + task] for task in teacher.widths}
        labels = {task: tf.gather(table, index) for task, (table, _) in tables.items()}
        weights = {task: tf.gather(known, index) for task, (_, known) in tables.items()}
        return values["images"], *label(labels, weights, answers)

    dataset = epochs_of(
        rows,
        batch,
        augmentation,
        batch_size=config.batch_size,
        training=True,
        seed=config.seed,
        first_epoch=first_epoch,
    )
    return dataset.prefetch(2)


def _keep_views(
    loader: TwoSizeLoader, teacher: Teacher, views: int, folder: Path | None, progress: bool
) -> dict[str, np.ndarray]:
    """Return `images`, `ok` and the teacher's answers a task, one view after the other.

    Answers and images lie in different folders, so that students of other resolutions find the
    answers there.
    """
    count = views * len(loader.paths)
    widths = sorted(teacher.widths.items())
    answers = {_ANSWER + task: ((count, width), np.float32) for task, width in widths}
    images = {"images": ((count, *loader.shape), np.float32), "ok": ((count,), bool)}
    if folder is None:
        return keep_arrays(
            answers | images, lambda arrays: _fill(loader, teacher, arrays, progress)
        )
    asked = f"{loader.high_fingerprint()}|{teacher.digest}|{views}|{widths}"
    answers_folder = folder / _named("answers", asked)
    found = {}

    def fill_images(arrays):
        if not answers_folder.exists():  # so that every view is decoded once
            found.update({name: np.empty(*spec) for name, spec in answers.items()})
        _fill(loader, teacher if found else None, arrays | found, progress)

    def fill_answers(arrays):
        if not found:
            _fill(loader, teacher, arrays, progress)
        for name, array in found.items():
            arrays[name][:] = array

    views_folder = folder / _named("views", f"{loader.fingerprint()}|{views}")
    return keep_arrays(images, fill_images, views_folder) | keep_arrays(
        answers, fill_answers, answers_folder
    )


def _named(kind: str, content: str) -> str:
    return f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def _fill(
    loader: TwoSizeLoader, teacher: Teacher | None, arrays: dict[str, np.ndarray], progress: bool
) -> None:
    """Decode all views, and let the teacher, if there is one, answer about each."""
    count, rows = len(next(iter(arrays.values()))), len(loader.paths)

    def values_of(places):
        images, ok = loader(places % rows, places // rows)
        answers = teacher.answers(images["hr"]) if teacher else {}
        values = {_ANSWER + task: answer for task, answer in answers.items()}
        return places, values | {"images": images["lr"], "ok": ok}

    batches = tf.data.Dataset.range(count).batch(DECODE_BATCH).map(values_of).prefetch(2)
    with tqdm(total=count, desc="views", unit="view", disable=not progress) as bar:
        for places, values in batches.as_numpy_iterator():
            for name, array in arrays.items():
                array[places] = values[name]
            bar.update(len(places))
