"""Features of a manifest at high and low resolution, from any trunk at any layer."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.augment import Augmentation, parse_augment
from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.recipe import parse_calls, require_integer
from mtl_lowres.data.several_sizes import SeveralSizesLoader
from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.feature_network import FeatureNetwork
from mtl_lowres.training.feature_store import (
    SETTINGS_FILE,
    FeatureStore,
    array_names,
    check_same_settings,
    open_features,
)
from mtl_lowres.training.feature_writer import FeatureWriter
from mtl_lowres.weights_file import weights_digest

_TRUNK_SETTINGS = ("trunk", "trunk_options", "input_shape", "clip")

__all__ = ["FeatureStore", "extract_features", "open_features"]


def extract_features(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    out: str | Path,
    *,
    hr: str,
    degrade: Sequence[str],
    layer: str | None = None,
    augment: str | None = None,
    views: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> FeatureStore:
    """Write the features of every row at high and at low resolution to a folder.

    A file is decoded once a view, for all resolutions, while the network is busy with the batch
    before. Killed at any moment, the same call goes on after the last finished batch, and the
    arrays are those of an uninterrupted one, to the bit (on the same machine and versions). On a
    finished folder it returns what is there.

    Args:
        model: whose trunk gives the features.
        manifest: rows with a column `path`; of clips perhaps also `start` and `stop`. Labels are
            kept, not read.
        out: folder of the store, made here; until it is finished it is called `out`.unfinished.
        hr: recipe of the image at high resolution, of the size that the model takes.
        degrade: recipes of the low resolutions, each applied to the image at high resolution and
            ending in its size, such as `"bicubic(16)|bicubic(224)"`.
        layer: name of a layer of the trunk, whose maps are averaged over all places; default: its
            features.
        augment: augmentation of the further views, all of it `at="hr"`, such as
            `'flip(0.5, at="hr")'`. A view is drawn once for all resolutions.
        views: how often each image is seen; the first view is the image as it is.
        seed: of the augmentation and the random degradations.
        batch_size: images a step.
        bad_files: collects what cannot be decoded, which is left out; default: a new one with a
            budget of 1 %.
        progress: show a progress bar.

    Raises:
        InputError: if an option cannot be used, `out` is something else or was made with other
            settings, or more files are bad than the budget allows.

    Example:
        >>> store = extract_features(model, manifest, "features/scenes", hr="bicubic(224)",
        ...                          degrade=["bicubic(16)|bicubic(224)"])
    """
    out = Path(out)
    require_integer("batch_size", batch_size, 1)
    plain, augmented = _open_loaders(model, manifest, hr, degrade, augment, views, seed)
    network = FeatureNetwork(model.trunk, layer)
    # Labels are kept with the features, and files may change without their names.
    rows = f"{manifest.to_csv(index=False)}|{plain.fingerprint()}"
    settings = {
        **{name: model.description.get(name) for name in _TRUNK_SETTINGS},
        "weights_sha256": weights_digest(model.trunk),
        "layer": layer,
        "hr": hr,
        "degrade": list(degrade),
        "augment": augment,
        "views": views,
        "seed": seed,
        "manifest_sha256": hashlib.sha256(rows.encode()).hexdigest(),
        "width": network.width,
    }
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        if not (out / SETTINGS_FILE).is_file():
            raise InputError(f"{out} is no feature store and is not replaced: name another folder")
        check_same_settings(out, settings)
        return open_features(out)
    bad_files = bad_files if bad_files is not None else BadFiles(len(manifest))
    with FeatureWriter(out, settings, len(manifest), batch_size, model) as writer:
        batches = _batches(plain, augmented, views, batch_size, writer.done)
        _fill(writer, batches, network, plain, bad_files, progress)
        writer.finish(manifest, bad_files.reasons)
    return open_features(out)


def _open_loaders(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    hr: str,
    degrade: Sequence[str],
    augment: str | None,
    views: int,
    seed: int,
) -> tuple[SeveralSizesLoader, SeveralSizesLoader]:
    """Return what reads the first view of each row, and what reads the others."""
    if len(manifest) == 0:
        raise InputError("the manifest has no rows to make features of")
    if isinstance(degrade, str) or len(set(degrade)) < len(degrade):
        raise InputError(f"degrade={degrade!r} cannot be used: give a list of different recipes")
    high = parse_recipe(hr)
    made, wanted = high.output_size(None, None), tuple(model.input.shape[-3:-1])
    if made != wanted:
        raise InputError(
            f"hr={hr!r} gives images of {made}, but the model takes {wanted}: end it with "
            f"bicubic{wanted}"
        )
    lower = [parse_recipe(text) for text in degrade]
    clip = model.description.get("clip")
    sampling = parse_clip(clip) if clip else None
    plain = SeveralSizesLoader(manifest, high, lower, None, seed, sampling)
    require_integer("views", views, 1)
    if (views > 1) != bool(augment) and (augment or plain.repeatable):
        raise InputError(
            f"views={views!r} with augment={augment!r} cannot be used: give an augmentation and "
            "at least 2 views, or neither"
        )
    if not augment:
        return plain, plain
    augmentation = _augmentation_of_views(augment)
    return plain, SeveralSizesLoader(manifest, high, lower, augmentation, seed, sampling)


def _augmentation_of_views(text: str) -> Augmentation:
    """Return the augmentation if all of it changes single images at high resolution."""
    augmentation = parse_augment(text)
    if augmentation.mixes or augmentation.blend:
        raise InputError(
            f"augment={text!r} mixes the images of two rows, but a row of features is of one: "
            "leave mixup and blend out"
        )
    for call in parse_calls(text):
        if call.kwargs.get("at") != "hr":
            raise InputError(
                f"augment={text!r}: {call} changes images after they are degraded, but a view is "
                'drawn once for all resolutions: add at="hr" to its arguments'
            )
    return augmentation


def _batches(
    plain: SeveralSizesLoader,
    augmented: SeveralSizesLoader,
    views: int,
    batch_size: int,
    done: int,
) -> tf.data.Dataset:
    """Return (view, rows [n], images of each resolution, ok bool [n]) of what is not `done`.

    A batch is of one view and always of the same rows, since the bits that a network gives an
    image may depend on the others in its batch.
    """
    rows = len(plain.paths)
    view, row = divmod(done, rows)
    a_view = -(-rows // batch_size)
    skipped = view * a_view + row // batch_size

    def read_views(loader, first, stop, skipped):
        def read(view, index):
            images, ok = loader(index, view)
            return view, index, tuple(tf.unstack(images, axis=1)), ok

        numbers = tf.data.Dataset.range(first, stop).flat_map(
            lambda view: (
                tf.data.Dataset.range(rows).batch(batch_size).map(lambda index: (view, index))
            )
        )
        return numbers.skip(skipped).map(read)

    batches = read_views(plain, 0, 1, skipped)
    if views > 1:
        batches = batches.concatenate(read_views(augmented, 1, views, max(skipped - a_view, 0)))
    return batches.prefetch(2)


def _fill(
    writer: FeatureWriter,
    batches: tf.data.Dataset,
    network: FeatureNetwork,
    loader: SeveralSizesLoader,
    bad_files: BadFiles,
    progress: bool,
) -> None:
    """Write the features of all batches; the files that the first view cannot read are noted."""
    rows = len(loader.paths)

    def note(bad_rows):
        bad_files.record({loader.paths[row]: loader.explain(row) for row in bad_rows})

    readable = writer.readable[:rows]  # grows with the first view
    note(np.flatnonzero(~readable[: writer.done]))
    options = {"initial": writer.done, "unit": "image", "disable": not progress}
    with tqdm(desc="features", total=len(writer.readable), **options) as bar:
        for view, index, images, ok in batches:
            index, ok = index.numpy(), ok.numpy()
            if view == 0:
                note(index[~ok])
            elif (readable[index] & ~ok).any():
                path = loader.paths[index[(readable[index] & ~ok).argmax()]]
                raise InputError(
                    f"{path} could be read once but not again: put it back and give the same "
                    "command once more"
                )
            good = ok if view == 0 else readable[index]
            features = (network(image).numpy() for image in images)
            writer.append(dict(zip(array_names(writer.settings), features, strict=True)), good)
            bar.update(len(index))
