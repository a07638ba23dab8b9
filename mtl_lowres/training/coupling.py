"""Training samples of two resolutions, or several views of each, for a network of the low one.

What is trained may be larger than what is kept. `training_model` wraps a model for training, so
that it has the same layers and weights, and `training_dataset` gives what that takes:

- `coupled` makes two samples of each training row: by `degrade`, and by a second recipe, usually of
  a higher resolution, that gives images of the same size. Tests see `degrade` alone.
- `coupling="full"`: one network learns from both, as in Xu et al., "Fully-coupled two-stream
  spatiotemporal networks for extremely low resolution action recognition" (WACV 2018), whose
  released program lists both versions of a video as two samples of one network.
- `coupling="semi(0, 0.25, 0.5, 0.75)"`: the second resolution goes through a twin that shares a
  part of the filters (see `training.twin`) and ends in the same heads. As in Chen et al.,
  "Semi-coupled two-stream fusion ConvNets for action recognition at extremely low resolutions"
  (WACV 2017). Deviations: its program trains the two networks in turn, an epoch each, and copies
  the shared part over; here every step learns from both. What is apart begins alike.
- `siamese="contrastive(views=4)"`: a batch has several draws of each row, random by recipe or
  augmentation, whose features are pulled together beside the classification, as in Ryoo et al.,
  "Extreme low resolution activity recognition with multi-Siamese embedding learning" (AAAI 2018);
  numbers and weights are not given there. With `coupled` the draws are made by that recipe, such
  as `"subpixel(shift=4)|area(12, 16)"`.
"""

from pathlib import Path

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.epochs import epochs_of
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.data.sources import open_source
from mtl_lowres.errors import InputError
from mtl_lowres.layers import ContrastiveViews
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.coupling_options import parse_coupling, parse_siamese
from mtl_lowres.training.twin import make_twin

_ROW = "_row"


def check_coupling(config: TrainConfig, model: MultiTaskModel) -> None:
    """Check that a model can be trained as the settings couple it.

    Raises:
        InputError: if the recipes give images of different sizes, or all views would be alike.
    """
    if (config.coupled or config.siamese) and not config.degrade:
        raise InputError(
            f"clip={config.clip!r} reads stored features, of which there is one resolution and one "
            "view: leave out coupled and siamese"
        )
    if config.coupled:
        sizes = [parse_recipe(text).output_size() for text in (config.degrade, config.coupled)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"coupled={config.coupled!r} gives images of {sizes[1]}, degrade="
                f"{config.degrade!r} of {sizes[0]}: end both with the same size, as in "
                "area(12, 16)|bicubic(32) and area(32)"
            )
    if config.siamese:
        _task_of_classes(model)
        _check_views(config)


def _check_views(config: TrainConfig) -> None:
    recipe = parse_recipe(config.coupled or config.degrade)
    augmentation = parse_augment(config.augment) if config.augment else None
    if augmentation and augmentation.mixes:
        raise InputError(
            f"augment={config.augment!r} mixes rows, and siamese={config.siamese!r} takes views of "
            "one row each: leave out mixup"
        )
    same_frames = not config.clip or parse_clip(config.clip).deterministic
    if recipe.deterministic and same_frames and not augmentation:
        raise InputError(
            f"siamese={config.siamese!r} takes several views of each row, but {recipe.text!r} "
            "gives one: add augment, or coupled such as subpixel(shift=2)|area(16)"
        )


def training_model(config: TrainConfig, model: MultiTaskModel) -> MultiTaskModel:
    """Return what is trained so that a model learns: itself, or a model around its layers.

    Args:
        config: the settings.
        model: what is validated and kept; with a twin, its weights are where the twin begins.

    Returns:
        A model with the same heads, which takes the inputs of `training_dataset`. Its weights are
        those of `model`, and those of a twin beside them.
    """
    shares = parse_coupling(config.coupling)
    if config.siamese:
        contrast = parse_siamese(config.siamese)
        inputs = {
            "views": model.trunk.input,
            "sample": tf.keras.Input((), dtype=tf.int32, name="sample"),
            "class": tf.keras.Input((), dtype=tf.int32, name="class"),
        }
        layer = ContrastiveViews(contrast.weight, contrast.margin, name="contrast")
        features = layer([model.trunk.output, inputs["sample"], inputs["class"]])
    elif config.coupled and shares:
        twin = make_twin(model.trunk, shares)
        inputs = {"coupled": twin.input, "own": model.trunk.input}
        features = tf.keras.layers.Concatenate(axis=0, name="both")(
            [twin.output, model.trunk.output]
        )
    else:
        return model
    outputs = {
        task: tf.keras.Model(model.trunk.output, output, name=task)(features)
        for task, output in model.output.items()
    }
    return MultiTaskModel(inputs, outputs, tf.keras.Model(inputs, features), model.heads)


def training_dataset(
    rows: pd.DataFrame,
    config: TrainConfig,
    model: MultiTaskModel,
    *,
    classes: dict[str, int],
    first_epoch: int = 0,
    cache_dir: str | Path | None = None,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> tf.data.Dataset:
    """Return the training batches of what `training_model` returns.

    A batch has `config.batch_size` rows, and of each of them two samples with `coupled`, or the
    `views` of `siamese`. Each iteration is the next epoch; a sample depends on the seed, the epoch
    and the row alone.

    Args:
        rows: of the manifest, to train on.
        config: the settings.
        model: what is kept, for its tasks.
        classes, first_epoch, cache_dir, bad_files, progress: as in `make_dataset`.

    Raises:
        InputError: an option cannot be used, or more files are bad than the budget allows.
    """
    options = {
        "clip": config.clip or None,
        "cache": config.cache,
        "cache_dir": cache_dir,
        "fast_decode": config.fast_decode,
        "service": config.data_service or None,
        "bad_files": bad_files if bad_files is not None else BadFiles(len(rows)),
        "progress": progress,
    }
    if config.siamese:
        return _views(rows, config, _task_of_classes(model), first_epoch, options)
    options |= {"augment": config.augment or None, "batch_size": config.batch_size}
    options |= {"classes": classes, "first_epoch": first_epoch}
    options |= {"training": True, "seed": config.seed}
    own = make_dataset(rows, config.tasks, degrade=config.degrade, **options)
    if not config.coupled:
        return own
    # Of one seed: a row has the same place and the same augmentation in both.
    other = make_dataset(rows, config.tasks, degrade=config.coupled, **options)
    apart = bool(parse_coupling(config.coupling))

    def join(coupled, own):
        images, labels, weights = tf.nest.map_structure(
            lambda *parts: tf.concat(parts, axis=0), coupled, own
        )
        return {"coupled": coupled[0], "own": own[0]} if apart else images, labels, weights

    return tf.data.Dataset.zip((other, own)).map(join).prefetch(2)


def _views(
    rows: pd.DataFrame, config: TrainConfig, task: str, first_epoch: int, options: dict
) -> tf.data.Dataset:
    """Return batches of several draws of each row, which know their row and class."""
    views = parse_siamese(config.siamese).views
    augmentation = parse_augment(config.augment) if config.augment else None
    source = open_source(
        rows.assign(**{_ROW: range(len(rows))}),
        [*config.tasks, _ROW],
        degrade=config.coupled or config.degrade,
        augmentation=augmentation,
        depths=None,
        seed=config.seed,
        **options,
    )

    def batch(index, epoch):
        # The draws of all epochs are numbered, so that none is met twice.
        numbers = epoch * views + tf.range(views, dtype=epoch.dtype)
        return source.batch(tf.repeat(index, views), tf.tile(numbers, tf.shape(index)[:1]))

    def tell(images, labels, weights):
        inputs = {"views": images, "sample": labels[_ROW]}
        inputs["class"] = tf.where(weights[task] > 0, labels[task], -1)
        labels, weights = ({name: of[name] for name in config.tasks} for of in (labels, weights))
        return inputs, labels, weights

    dataset = epochs_of(
        source.rows,
        batch,
        augmentation,
        batch_size=config.batch_size,
        training=True,
        seed=config.seed,
        first_epoch=first_epoch,
        all_good=source.kept,
    )
    return dataset.map(tell).prefetch(2)


def _task_of_classes(model: MultiTaskModel) -> str:
    """Return the task whose classes are told apart: the first that has any."""
    for task, head in model.heads.items():
        if head.classes is not None:
            return task
    raise InputError(
        f"siamese tells classes apart, and the tasks {[*model.heads]} have none: add one that has, "
        "or leave siamese out"
    )
