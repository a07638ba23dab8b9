"""Unit features of the files of a manifest: what a trunk of clips gives their successive parts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.degrade import Recipe, parse_recipe
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.data.reading import frames_degrader
from mtl_lowres.data.recipe import require_integer
from mtl_lowres.data.video import read_distinct
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.feature_network import FeatureNetwork
from mtl_lowres.training.made_files import claim_folder, is_made
from mtl_lowres.training.unit_layout import STREAMS, VideoPart, unit_layout
from mtl_lowres.weights_file import weights_digest


def write_units(
    model: MultiTaskModel,
    manifest: pd.DataFrame,
    out: str | Path,
    *,
    degrade: str,
    stream: str = "rgb",
    unit: int | None = None,
    stride: int = 8,
    layer: str | None = None,
    resolution: str | None = None,
    batch_size: int = 8,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Write the features of the units of every video of a manifest, and a manifest with them.

    A video is cut into units of `unit` frames that begin `stride` frames apart; frames behind the
    last whole unit are left out, and a video shorter than one unit holds its last frame. Each video
    becomes a `.npy` file, float32 [units, width], as the trunk gives them (`data.units` divides
    them by their length when it reads them).

    The files replace the column of their stream, `path` or `flow`, in `out/manifest.csv`, and the
    other column stays as it is. So two calls make the rows of a two-stream network: one of the
    videos, and one with `stream="flow"` of the manifest that the first has written. Columns `start`
    and `stop` cut the videos of both.

    Beside `manifest.csv` lie `settings.json` and `bad_files.csv` (path, reason). Killed at any
    moment, the same call goes on with the files that are missing; each is whole or not there. Rows
    may be added, and units that are older than their video are made anew. Only one process at a
    time may write to a folder.

    Args:
        model: whose trunk takes clips of RGB frames, such as C3D's.
        manifest: rows with a column `path`, and with `flow` for that stream: files of colour
            images, as `mtl-lowres flow --format colours` writes them.
        out: folder, absent, empty or of an earlier call with the same settings.
        degrade: recipe of what the model sees of a frame; it ends in the model's size.
        stream: "rgb" for the videos, or "flow".
        unit: frames a unit, which are those of the model; default: as the model takes.
        stride: frames from the beginning of one unit to that of the next.
        layer: name of a layer of the trunk, such as "c3d_fc6"; default: its features.
        resolution: None, or "lr" or "hr" for the folders of the released HMDB51 features, which
            `read_dataset("hmdb51_features", out)` reads: `Train_lr_features/<class>/<name>.npy` by
            the columns `split` and `action`. Streams and resolutions then share `out`, and the
            other files are called `lr_manifest.csv`, `lr_optfl_manifest.csv` and so on.
        batch_size: units a step.
        bad_files: collects videos that cannot be read, whose rows are left out; default: a new one
            with a budget of 1 %.
        progress: show a progress bar.

    Returns:
        The rows that could be read, as `read_manifest` gives them.

    Raises:
        InputError: if an option cannot be used, `out` holds something else or was made with other
            settings, or more files are bad than the budget allows.

    Example:
        >>> rows = write_units(c3d, manifest, "units/rgb", degrade="area(12, 16)|bicubic(112)")
        >>> rows = write_units(flow_c3d, rows, "units/flow", stream="flow", degrade="bicubic(112)")
    """
    if len(manifest) == 0:
        raise InputError("the manifest has no rows to make units of")
    require_integer("batch_size", batch_size, 1)
    writer = _UnitWriter(model, degrade, stream, unit, stride, layer, batch_size)
    layout = unit_layout(manifest, Path(out).absolute(), stream, resolution)
    claim_folder(
        layout.out,
        {**writer.settings(), "stream": stream, "root": layout.root},
        "unit features",
        layout.prefix + "settings.json",
        layout.beside,
    )
    bad_files = bad_files if bad_files is not None else BadFiles(len(layout.targets))
    try:
        rows = zip(manifest["path"].astype(str), layout.parts, strict=True)
        bad_files.record(
            {path: f"no {stream}: the cell is empty" for path, part in rows if not part}
        )
        made = _write_all(writer, layout.targets, bad_files, progress)
    finally:
        with replacing(layout.out / f"{layout.prefix}bad_files.csv") as temporary:
            bad_files.to_frame().to_csv(temporary, index=False)
    if not made:
        raise InputError(f"none of the {len(layout.targets)} videos of the manifest can be read")
    files = pd.Series([made.get(part) for part in layout.parts], manifest.index, dtype=object)
    rows = manifest.assign(**{STREAMS[stream]: files})[files.notna()]
    csv = layout.out / f"{layout.prefix}manifest.csv"
    write_manifest(rows, csv)
    return read_manifest(csv)


def _write_all(
    writer: "_UnitWriter", targets: dict[VideoPart, Path], bad_files: BadFiles, progress: bool
) -> dict[VideoPart, str]:
    """Return the file of each video that can be read, all of which are written then."""
    made = {}
    for part, target in tqdm(targets.items(), "units", unit="file", disable=not progress):
        try:
            writer(part, target)
        except ValueError as error:
            bad_files.record({part.path: str(error)})
        else:
            made[part] = str(target)
    return made


class _UnitWriter:
    """Writes the unit features of one video at a time."""

    def __init__(
        self,
        model: MultiTaskModel,
        degrade: str,
        stream: str,
        unit: int | None,
        stride: int,
        layer: str | None,
        batch_size: int,
    ):
        shape = tuple(model.input.shape[1:])
        if len(shape) != 4 or shape[-1] != 3:
            raise InputError(
                f"the model takes samples of {shape}, but units are clips of RGB frames: give a "
                "model of (frames, height, width, 3), such as one with the trunk c3d"
            )
        self.unit = shape[0] if unit is None else unit
        if self.unit != shape[0]:
            raise InputError(
                f"unit={unit!r} cannot be used: the model takes clips of {shape[0]} frames"
            )
        self.stride = require_integer("stride", stride, 1)
        self.recipe = _parse_degrade(degrade, shape[1:3])
        self.network = FeatureNetwork(model.trunk, layer)
        self.stream = stream
        self._layer, self._batch_size = layer, batch_size
        self._model = model

    def settings(self) -> dict[str, Any]:
        description = self._model.description
        trunk = {name: description.get(name) for name in ("trunk", "trunk_options", "input_shape")}
        return {
            **trunk,
            "weights_sha256": weights_digest(self._model.trunk),
            "layer": self._layer,
            "degrade": self.recipe.text,
            "unit": self.unit,
            "stride": self.stride,
            "width": self.network.width,
        }

    def __call__(self, part: VideoPart, target: Path) -> None:
        """Write the units of a video unless they are there.

        Raises:
            ValueError: with a reason of one line, if the video cannot be used.
        """
        if Path(part.path).is_file() and is_made(target, Path(part.path)):
            return
        if self.stream == "flow":
            _refuse_fields(Path(part.path))
        features = [self.network(clips).numpy() for clips in self._clips(part)]
        with replacing(target) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate(features))

    def _clips(self, part: VideoPart) -> Iterator[tf.Tensor]:
        """Yield the units of a video, float32 [n, unit, h, w, 3], a batch at a time."""
        video = part.path, part.start, part.stop
        units = unit_frames(_count_frames(*video), self.unit, self.stride)
        for first in range(0, len(units), self._batch_size):
            wanted = units[first : first + self._batch_size]
            # Only these frames are in memory; where units overlap they are read once.
            frames, places = read_distinct(*video, wanted.ravel())
            if frames.dtype == np.uint8:
                frames = np.multiply(frames, np.float32(1 / 255), dtype=np.float32)
            yield tf.gather(frames_degrader(self.recipe)(frames), places.reshape(wanted.shape))


def unit_frames(count: int, unit: int, stride: int) -> np.ndarray:
    """Return the frames of each unit of a video of `count` frames, int64 [units, unit].

    Example:
        >>> unit_frames(5, unit=2, stride=2).tolist()
        [[0, 1], [2, 3]]
        >>> unit_frames(2, unit=4, stride=2).tolist()
        [[0, 1, 1, 1]]
    """
    units = max(0, count - unit) // stride + 1
    frames = stride * np.arange(units)[:, np.newaxis] + np.arange(unit)
    return np.minimum(frames, count - 1)


def _count_frames(path: str, start: int | None, stop: int | None) -> int:
    """Return how many frames of a video there truly are, whatever its header claims.

    Raises:
        ValueError: with a reason of one line, if there is none.
    """
    counts = []

    def last(count: int) -> np.ndarray:
        counts.append(count)
        return np.array([count - 1])

    read_distinct(path, start, stop, last)
    return counts[-1]


def _parse_degrade(text: str, size: tuple[int, int]) -> Recipe:
    recipe = parse_recipe(text)
    if not recipe.deterministic:
        raise InputError(
            f"degrade={text!r} is random, but units are made once: leave the random operations out"
        )
    if recipe.output_size() != size:
        raise InputError(
            f"degrade={text!r} gives images of {recipe.output_size()}, but the model takes {size}: "
            f"end it with bicubic{size}"
        )
    return recipe


def _refuse_fields(path: Path) -> None:
    """Refuse flow that is stored as motion in pixels.

    Raises:
        ValueError: naming the format to use.
    """
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError, AttributeError, EOFError):  # a video, or a bad file
        return
    if shape[-1:] == (2,):
        raise ValueError(
            f"it holds motion in pixels, {shape}, but units are made of flow as colours "
            "(`mtl-lowres flow --format colours`)"
        )
