"""What comes before training: the manifest with its split, and the untrained model."""

import pandas as pd

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.manifest import (
    CONTINUOUS_TASKS,
    check_manifest,
    split_by_subject,
    task_classes,
)
from mtl_lowres.data.sources import check_blend, check_units
from mtl_lowres.data.split import forget_held_out_people
from mtl_lowres.data.units import UnitSequence
from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel, build_model
from mtl_lowres.training.config import TrainConfig


def prepare_manifest(config: TrainConfig, manifest: pd.DataFrame) -> pd.DataFrame:
    """Check the manifest and add the split that the settings ask for.

    Raises:
        InputError: a row or column cannot be used, or there is nothing to train on.
    """
    tasks = config.labelled_tasks
    if "split" not in manifest.columns:
        manifest = manifest.assign(split="train")
    check_manifest(manifest, tasks=tasks, files=False)
    if config.val and not (manifest["split"] == "val").any():
        if "subject" not in manifest:
            raise InputError(
                f"val={config.val} holds out people, but the manifest has no column 'subject': add "
                "it, or mark the validation rows in a column 'split', or use val=0"
            )
        manifest = split_by_subject(
            manifest,
            val=config.val,
            seed=config.split_seed,
            task=tasks[0] if tasks else None,
        )
        classes = [task for task in tasks if task not in CONTINUOUS_TASKS]
        manifest = forget_held_out_people(manifest, classes)
        check_manifest(manifest, tasks=tasks, files=False)
    if not (manifest["split"] == "train").any():
        raise InputError("no row of the manifest has the split 'train': nothing to train on")
    for split in ("train", "val"):
        rows = manifest["split"] == split
        if rows.any() and not (rows & has_truth(manifest, config)).any():
            raise InputError(
                f"no row with the split {split!r} has a label of {', '.join(config.tasks)}: give "
                "it some, or another split"
            )
    return manifest


def has_truth(manifest: pd.DataFrame, config: TrainConfig) -> pd.Series:
    """Return which rows say something about a model: any does that imitates an embedding."""
    if config.embedding_tasks:
        return pd.Series(True, manifest.index)
    return manifest[list(config.labelled_tasks)].notna().any(axis=1)


def training_rows(manifest: pd.DataFrame, config: TrainConfig) -> pd.DataFrame:
    """Return the rows to train on.

    A row without a label would cost time and teach nothing, unless a teacher adds its answers.
    """
    in_train = manifest["split"] == "train"
    return manifest[in_train if config.teacher_share else in_train & has_truth(manifest, config)]


def new_model(config: TrainConfig, manifest: pd.DataFrame) -> MultiTaskModel:
    """Build the untrained model that the settings describe for the classes of a manifest.

    Raises:
        InputError: if trunk, heads, recipe or augmentation cannot be used.
    """
    if config.embedding_tasks and not config.teacher:
        raise InputError(
            f"task {config.embedding_tasks[0]!r} has the head embedding, which imitates a teacher: "
            "name the teacher's folder, teacher= (--teacher), or give it another head"
        )
    trunk, options = config.trunk_and_options()
    if config.augment:
        check_blend(parse_augment(config.augment), config.labelled_tasks, bool(config.teacher))
    names = manifest.attrs.get("classes", {})
    return build_model(
        trunk,
        heads=config.make_heads(task_classes(manifest, config.labelled_tasks)),
        input_shape=_sample_shape(config),
        class_names={task: names[task] for task in config.labelled_tasks if task in names},
        degrade=parse_recipe(config.degrade).text if config.degrade else None,
        clip=config.clip or None,
        transfer=config.transfer or None,
        **options,
    )


def _sample_shape(config: TrainConfig) -> tuple[int, ...]:
    sampling = parse_clip(config.clip) if config.clip else None
    if isinstance(sampling, UnitSequence):
        check_units(sampling, config.degrade, None, None)
        return sampling.shape()
    size = parse_recipe(config.degrade).output_size()
    if None in size:
        raise InputError(
            f"degrade={config.degrade!r} does not fix the size of the images: end it with a size, "
            "such as area(16)"
        )
    return (*size, 3) if sampling is None else sampling.shape(size)
