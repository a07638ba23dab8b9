"""Batches that mix several manifests in given proportions."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.data.degrade import sample_seed
from mtl_lowres.data.epochs import finish, numbered_epochs
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import CONTINUOUS_TASKS, task_classes
from mtl_lowres.data.sources import Source, open_source
from mtl_lowres.errors import InputError

# Keeps apart the random numbers of the manifests.
_SEED_STEP = 100_003


def make_mixed_dataset(
    manifests: Mapping[str, pd.DataFrame],
    tasks: Sequence[str],
    *,
    proportions: Mapping[str, float] | None = None,
    batch_size: int = 32,
    degrade: str | Mapping[str, str] = "area(16)",
    clip: str | Mapping[str, str] | None = None,
    seed: int = 0,
    augment: str | None = None,
    cache: str = "memory",
    cache_dir: str | Path | None = None,
    fast_decode: bool = False,
    classes: dict[str, int] | None = None,
    first_epoch: int = 0,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> tf.data.Dataset:
    """Return training batches that are drawn from several manifests in given proportions.

    Every batch has the same whole number of samples of each manifest (see `plan_batches`). Each
    manifest is shuffled by itself and begins again, in a new order, when it is used up. An epoch
    is as long as the slowest manifest, for its share, needs to be seen once. A task that a manifest
    has no column for is missing, of weight 0, in its rows. Everything depends only on the seed and
    the epoch's number.

    Args:
        manifests: name -> manifest.
        tasks: the columns to yield; each must be in at least one manifest.
        proportions: name -> share of a batch, any positive numbers; default: the numbers of rows.
        batch_size: samples a batch; a batch is smaller only where files are bad.
        degrade: recipe, or name -> recipe; all must give one size.
        clip: sampling, or name -> sampling (see `make_dataset`); all must give as many frames, and
            none or all manifests must have one.
        seed, augment, cache, cache_dir, fast_decode, first_epoch, progress: as in `make_dataset`.
            The augmentation, also `mixup`, is of the mixed batch.
        classes: classes a task, needed by mixup; default: from the manifests.
        bad_files: collects what cannot be decoded; default: a new one for all manifests together.

    Returns:
        A `tf.data.Dataset` of `(images, labels, weights)` as from `make_dataset`.

    Raises:
        InputError: an option cannot be used, the class names of a task differ between manifests,
            or more files are bad than the budget allows.

    Example:
        >>> train = make_mixed_dataset({"faces": faces, "walks": walks}, ["age", "action"],
        ...                            proportions={"faces": 0.5, "walks": 0.5},
        ...                            degrade="area(16)", clip="uniform(15)")
    """
    sizes = {name: len(manifest) for name, manifest in manifests.items()}
    plan_batches(sizes, proportions or sizes, batch_size)  # before anything is decoded
    options = {
        "cache": cache,
        "cache_dir": cache_dir,
        "fast_decode": fast_decode,
        "bad_files": bad_files if bad_files is not None else BadFiles(sum(sizes.values())),
        "progress": progress,
        "augmentation": parse_augment(augment) if augment else None,
        "depths": None,
    }
    _check_classes(manifests, tasks)
    if options["augmentation"] and options["augmentation"].mixes:
        options["depths"] = _most_classes(manifests, tasks) | (classes or {})
    sources = {
        name: open_source(
            manifest.assign(**{task: np.nan for task in tasks if task not in manifest}),
            tasks,
            degrade=_of_manifest(degrade, name, "degrade"),
            clip=_of_manifest(clip, name, "clip"),
            seed=seed + place * _SEED_STEP,
            **options,
        )
        for place, (name, manifest) in enumerate(manifests.items())
    }
    _check_shapes(sources)
    shares, steps = plan_batches(
        {name: len(source.rows) for name, source in sources.items()},
        proportions or sizes,
        batch_size,
    )

    def one_epoch(epoch):
        parts = tf.data.Dataset.zip(
            tuple(
                _part(source, shares[name], steps, seed + place * _SEED_STEP, epoch)
                for place, (name, source) in enumerate(sources.items())
            )
        )
        batches = parts.map(lambda *parts: tf.nest.map_structure(_joined, *parts))
        return finish(batches, options["augmentation"], seed, epoch, training=True)

    dataset = numbered_epochs(one_epoch, first_epoch)
    return dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def plan_batches(
    sizes: Mapping[str, int], proportions: Mapping[str, float], batch_size: int
) -> tuple[dict[str, int], int]:
    """Return the samples of each manifest in a batch, and the batches of an epoch.

    The shares are rounded to whole samples by the largest remainder, of equal ones the earlier.
    An epoch has as many batches as it takes until every manifest was seen at least once.

    Args:
        sizes: name -> number of rows.
        proportions: name -> positive number, of the same names; they need not add up to 1.
        batch_size: samples a batch.

    Raises:
        InputError: if a name, a proportion or a size cannot be used, or a manifest would get no
            sample in a batch.

    Example:
        >>> plan_batches({"faces": 100, "walks": 30}, {"faces": 2, "walks": 1}, 10)
        ({'faces': 7, 'walks': 3}, 15)
    """
    if not sizes or set(sizes) != set(proportions):
        raise InputError(
            f"proportions={dict(proportions)}: give a number for each of the manifests {[*sizes]}"
        )
    for name, number in proportions.items():
        if sizes[name] < 1:
            raise InputError(f"the manifest {name!r} has no rows: leave it out")
        if not 0 < number < math.inf:
            raise InputError(f"the proportion of {name!r} must be above 0, got {number!r}")
    total = sum(proportions.values())
    exact = {name: batch_size * proportions[name] / total for name in sizes}
    shares = {name: math.floor(share) for name, share in exact.items()}
    by_remainder = sorted(sizes, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[: batch_size - sum(shares.values())]:
        shares[name] += 1
    for name, share in shares.items():
        if share == 0:
            raise InputError(
                f"a batch of {batch_size} has no sample of {name!r} at its proportion of "
                f"{proportions[name] / total:.3g}: use larger batches, or a larger proportion"
            )
    return shares, max(math.ceil(sizes[name] / share) for name, share in shares.items())


def _part(source: Source, share: int, steps: int, seed: int, epoch: tf.Tensor) -> tf.data.Dataset:
    """Return the `share` samples that one manifest gives to each of the `steps` batches.

    A pass over its rows that begins within an epoch has a number, and so random draws, of its own.
    """
    passes = math.ceil(share * steps / len(source.rows))
    numbers = [epoch * passes + number for number in range(passes)]
    rows = tf.concat(
        [
            tf.random.experimental.stateless_shuffle(source.rows, sample_seed(seed, number, 0))
            for number in numbers
        ],
        axis=0,
    )
    numbers = tf.repeat(tf.stack(numbers), len(source.rows))
    batches = tf.data.Dataset.from_tensor_slices((rows, numbers)).batch(share).take(steps)
    return batches.map(source.batch)


def _joined(*parts: tf.Tensor) -> tf.Tensor:
    return tf.concat(parts, axis=0)


def _of_manifest(option, name: str, option_name: str):
    """Return the option of one manifest, where one may be given each."""
    if not isinstance(option, Mapping):
        return option
    if name not in option:
        raise InputError(f"{option_name} names {[*option]}, but not the manifest {name!r}: add it")
    return option[name]


def _most_classes(manifests: Mapping[str, pd.DataFrame], tasks: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for manifest in manifests.values():
        present = [task for task in tasks if task in manifest]
        for task, count in task_classes(manifest, present).items():
            counts[task] = max(count, counts.get(task, 0))
    return counts


def _check_classes(manifests: Mapping[str, pd.DataFrame], tasks: Sequence[str]) -> None:
    """Check that each task is somewhere, and that its classes are the same everywhere."""
    for task in tasks:
        having = {name: manifest for name, manifest in manifests.items() if task in manifest}
        if not any(manifest[task].notna().any() for manifest in having.values()):
            raise InputError(
                f"no manifest of {[*manifests]} has a label of the task {task!r}: fill in the "
                "column or drop the task"
            )
        if task in CONTINUOUS_TASKS:
            continue
        names = {n: m.attrs.get("classes", {}).get(task) for n, m in having.items()}
        known = [(name, classes) for name, classes in names.items() if classes]
        for name, classes in known[1:]:
            if list(classes) != list(known[0][1]):
                raise InputError(
                    f"the classes of {task} are {known[0][1]} in {known[0][0]!r} but {classes} in "
                    f"{name!r}: number them alike"
                )


def _check_shapes(sources: Mapping[str, Source]) -> None:
    shapes = {name: source.shape for name, source in sources.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(
            f"the manifests give samples of different shapes, {shapes}: make degrade and clip agree"
        )
