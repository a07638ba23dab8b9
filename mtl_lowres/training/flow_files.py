"""Optical flow of the files of a manifest, computed once and stored."""

import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.degrade import Recipe, parse_repeatable
from mtl_lowres.data.flow import FlowMethod, clip_flow, flow_colours, parse_flow
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.data.reading import frames_degrader
from mtl_lowres.data.recipe import parse_calls, require_integer
from mtl_lowres.data.video import read_frames
from mtl_lowres.data.video_file import write_video
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing
from mtl_lowres.training.made_files import claim_folder, is_made, names_below

FORMATS = ("fields", "colours")
BAD_FILES_FILE = "bad_files.csv"
# Frames of which flow is computed at once.
_BLOCK = 64
# A file is read whole; this many bytes of frames for each worker are still reasonable.
_MAX_BYTES = 2**30
# JPEG, which MJPEG videos are made of, halves the resolution of colour: too much below this side.
_LEAST_VIDEO_SIDE = 64
_FRAMES_PER_SECOND = 25


def write_flow(
    manifest: pd.DataFrame,
    out: str | Path,
    method: str,
    *,
    degrade: str = "",
    form: str = "fields",
    workers: int | None = None,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Write the optical flow of every file of a manifest to a folder, and a manifest with it.

    A file that several rows name has one flow file, with one field for each of its frames; the last
    repeats the one before it. It lies in `out` where the file lies in the folder that holds all
    files, under the same name, whose ending is kept only if two files differ in nothing else:

    - "fields": `.npy`, float16 [T, h, w, 2], (dx, dy) in pixels to the next frame, not clipped.
    - "colours": uint8 RGB [T, h, w, 3] as `flow_colours` makes it of the method's bound: an MJPEG
      video (`.avi`), or a `.npy` where a side is below 64 pixels, since JPEG would mix the colours.

    Beside them are `manifest.csv`, `settings.json` and `bad_files.csv` (path, reason). Killed at
    any moment, the same call goes on with the files that are missing; each is whole or not there.
    Rows of files in the same folder tree may be added, and flow that is older than its file is made
    anew. Only one process at a time may write to a folder.

    Args:
        manifest: rows with a column `path`: videos, arrays of frames or images. A column `flow` is
            replaced.
        out: folder, absent, empty or of an earlier call with the same settings.
        method: such as "farneback(20)"; `list_flows()` names the methods.
        degrade: recipe that brings the frames to low resolution first; default: as they are.
        form: "fields" or "colours".
        workers: threads, each of which holds one file in memory; default: one per core.
        bad_files: collects files without frames, that cannot be read, or that have more than 1 GiB
            of frames; their rows are left out. Default: a new one with a budget of 1 %.
        progress: whether to show a bar.

    Returns:
        The rows with the column `flow`, as `read_manifest` gives them.

    Raises:
        InputError: if an option cannot be used, `out` holds something else or was made with other
            settings, or more files are bad than the budget allows.

    Example:
        >>> rows = write_flow(read_manifest("clips.csv"), "flow", "farneback(20, window=15)")
    """
    if len(manifest) == 0:
        raise InputError("the manifest has no rows to compute the flow of")
    if workers is not None:
        require_integer("workers", workers, 1)
    recipe = parse_repeatable(degrade, "the flow is computed")
    writer = _FlowWriter(_parse_method(method), recipe, _check_form(form))
    out = Path(out).absolute()
    files = list(dict.fromkeys(manifest["path"].astype(str)))
    root, names = names_below(files)
    claim_folder(out, {**writer.settings(), "root": str(root)}, "optical flow")
    bad_files = bad_files if bad_files is not None else BadFiles(len(files))
    try:
        targets = [out / name for name in names]
        flow = _write_all(writer, files, targets, workers or os.cpu_count(), bad_files, progress)
    finally:
        with replacing(out / BAD_FILES_FILE) as temporary:
            bad_files.to_frame().to_csv(temporary, index=False)
    if not flow:
        raise InputError(f"none of the {len(files)} files of the manifest has frames to read")
    flow_of_rows = manifest["path"].astype(str).map(flow)
    rows = manifest.assign(flow=flow_of_rows)[flow_of_rows.notna()]
    write_manifest(rows, out / "manifest.csv")
    return read_manifest(out / "manifest.csv")


@dataclasses.dataclass(frozen=True)
class _FlowWriter:
    """Writes the flow of one file at a time; threads may share it."""

    method: FlowMethod
    recipe: Recipe | None
    form: str

    def settings(self) -> dict[str, str]:
        degrade = self.recipe.text if self.recipe else ""
        return {"method": self.method.text, "degrade": degrade, "format": self.form}

    def __call__(self, source: Path, target: Path) -> Path:
        """Write the flow of `source` unless it is there; return the file, `target` and an ending.

        Raises:
            ValueError: with a reason of one line, if the source cannot be used.
        """
        if not source.is_file():
            raise ValueError("no such file" if not source.exists() else "not a regular file")
        found = _made_after(source, target)
        if found is not None:
            return found
        flow = self._flow_blocks(_read_whole(source))
        if self.form == "fields":
            array = np.concatenate([block.astype(np.float16) for block in flow])
        else:
            colours = (flow_colours(field, self.method.bound) for block in flow for field in block)
            array = np.stack([np.rint(image * 255).astype(np.uint8) for image in colours])
        is_video = self.form == "colours" and min(array.shape[1:3]) >= _LEAST_VIDEO_SIDE
        path = target.with_name(f"{target.name}{'.avi' if is_video else '.npy'}")
        with replacing(path) as temporary:
            if is_video:
                write_video(array, temporary, _FRAMES_PER_SECOND)
            else:
                _write_array(array, temporary)
        return path

    def _flow_blocks(self, frames: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the flow of all frames, float32 [n, h, w, 2] in pixels, n of them at a time."""
        for start in range(0, max(1, len(frames) - 1), _BLOCK):
            block = frames[start : start + _BLOCK + 1]
            if self.recipe is not None:
                if block.dtype == np.uint8:
                    block = block * np.float32(1 / 255)
                block = frames_degrader(self.recipe)(block).numpy()
            flow = clip_flow(self.method, block)
            is_last = start + len(block) == len(frames)
            yield flow if is_last else flow[:-1]


def _parse_method(text: str) -> FlowMethod:
    calls = parse_calls(text)
    if len(calls) != 1:
        raise InputError(f"method {text!r}: give one, such as 'farneback(20)', not {len(calls)}")
    try:
        method = parse_flow(calls[0])
    except InputError as error:
        raise InputError(f"method {text!r}: {error}") from None
    if method.compute is None:
        raise InputError(f"method {text!r} reads flow that is there: use farneback or dis here")
    return method


def _check_form(form: str) -> str:
    if form not in FORMATS:
        raise InputError(f"format {form!r} is unknown: use {' or '.join(FORMATS)}")
    return form


def _write_all(
    writer: _FlowWriter,
    files: list[str],
    targets: list[Path],
    workers: int,
    bad_files: BadFiles,
    progress: bool,
) -> dict[str, str]:
    """Return {file: its flow file} of the good files, all of which are written then."""
    flow = {}
    # Threads suffice, since OpenCV works outside the interpreter's lock.
    with ThreadPoolExecutor(workers) as pool:
        jobs = list(map(partial(pool.submit, writer), map(Path, files), targets))
        try:
            bar = tqdm(jobs, "flow", unit="file", disable=not progress)
            for file, job in zip(files, bar, strict=True):
                try:
                    flow[file] = str(job.result())
                except ValueError as error:
                    bad_files.record({file: str(error)})
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return flow


def _made_after(source: Path, target: Path) -> Path | None:
    """Return the flow file of `source` if there is one that is not older than it."""
    for ending in (".npy", ".avi"):
        path = target.with_name(target.name + ending)
        if is_made(path, source):
            return path
    return None


def _read_whole(path: Path) -> np.ndarray:
    """Return all frames of a file as `read_frames` does.

    Raises:
        ValueError: if it cannot be read or would take too much memory.
    """
    counts = []

    def first(count: int) -> list[int]:
        counts.append(count)
        return [0]

    size = read_frames(path, indices=first).nbytes * counts[-1]
    if size > _MAX_BYTES:
        raise ValueError(
            f"{counts[-1]} frames of {size / 2**30:.1f} GiB are too many to read at once: cut the "
            "file into shorter ones"
        )
    return read_frames(path)


def _write_array(array: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, array)
