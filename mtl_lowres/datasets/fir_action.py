"""`fir_action`: the extremely low-resolution far-infrared actions (Kawashima et al., AVSS 2017).

    segments.csv                recording,start,end,action,person,position,light
    recordings/<recording>.npz  frames int16 [T, 16, 16], degrees Celsius = value / 640

One 16x16 sensor under the ceiling, about 9.2 frames a second: six people, 300 recordings of 14 s
to 57 s, 1680 segments with an action each.
"""

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.recipe import parse_calls, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json
from mtl_lowres.registry import DATASETS

ACTIONS = ("walk", "walk1", "walk2", "sitdown", "sit", "standup", "stand")
ACTIONS += ("falling1", "falling2", "lie")
# `falling1` begins from walking, `falling2` from standing; the three walks mean the same.
MERGED = {"walk1": "walk", "walk2": "walk", "falling1": "falling", "falling2": "falling"}
POSTURES = ("sit", "stand", "lie")
SIDE = 16
STEPS_PER_DEGREE = 640
_COLUMNS = ("recording", "start", "end", "action", "person", "position", "light")


@DATASETS.register("fir_action")
def read_fir_action(
    path: str | Path,
    *,
    prepared: str | Path | None = None,
    merge: bool = True,
    background: str = "session(25)",
    low: float = -0.5,
    high: float = 1.5,
) -> pd.DataFrame:
    """Read the segments, and write the recordings as clips of values in [0, 1].

    A person is barely one degree warmer than the room in a pixel, hardly more than the room and
    the sensor differ from pixel to pixel and from day to day. So each recording is prepared: from
    every frame its median is taken, the drift of the sensor; then from every pixel its background;
    and `low` to `high` degrees become 0 to 1.

    A background is taken from all frames, those with and without label, before and after a
    segment; no label is used. It may be

    - `"session(25)"`: the percentile of each pixel over time, and of that the median over the
      recordings of a session (a day, the recording's name up to the first `_`). People stay in
      different places in them, so that nobody is left in it;
    - `"percentile(25)"` or `"median"` over time of the recording alone, which takes away part of
      a person who stays where he is, as those who sit or lie do;
    - `"first(10)"`: the mean of the first frames of the recording, where it begins with an empty
      room, as these do not;
    - `"none"`.

    Args:
        path: the folder that holds `segments.csv` and `recordings`.
        prepared: folder for the prepared recordings; made if missing, and used again if it was
            made from the same folder with the same settings.
        merge: seven actions: the three walks are one, and the two falls. Otherwise ten.
        background: what is taken from every pixel.
        low: degrees Celsius above the background that become 0.
        high: degrees Celsius above the background that become 1.

    Returns:
        The manifest, a row a segment: path (float32 `.npy` [T, 16, 16, 1]), start, stop (frames,
        half-open), subject (person), action, posture (sit, stand and lie; missing in the other
        actions), position, light. There is no split column: the six people are too few for one.

    Raises:
        InputError: if a file is missing or damaged, a segment cannot be used, `prepared` holds
            something else, or an option cannot be used.

    Example:
        >>> read_dataset("fir_action", "fir", prepared="fir-prepared")  # doctest: +SKIP
    """
    root = Path(path).absolute()
    preparation = Preparation(background, low, high)
    if prepared is None:
        raise InputError(
            "fir_action: temperatures must be prepared first: give prepared=, a folder to write "
            "the prepared recordings to (90 MB)"
        )
    segments = _read_segments(root / "segments.csv")
    recordings = _find_recordings(root, segments)
    folder = Path(prepared).absolute()
    _claim(folder, {"source": str(root), **dataclasses.asdict(preparation)})
    _prepare(recordings, folder, preparation)
    lengths = {name: len(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in recordings}
    beyond = (segments["stop"] > segments["recording"].map(lengths)).to_numpy()
    if beyond.any():
        row = segments.iloc[beyond.argmax()]
        raise InputError(
            f"{root / 'segments.csv'} line {row.name + 2}: ends at frame {row['stop']}, but "
            f"{row['recording']} has {lengths[row['recording']]}: correct or delete the line"
        )
    return _manifest(segments, folder, merge)


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How temperatures become values in [0, 1]; see `read_fir_action`."""

    background: str
    low: float
    high: float

    def __post_init__(self):
        _background(self.background)
        for name in ("low", "high"):
            require_number(name, getattr(self, name), -100, 100)
        if not self.low < self.high:
            raise InputError(
                f"low={self.low!r}, high={self.high!r} cannot be used: low must be below high"
            )

    def apply(self, frames: np.ndarray, background: np.ndarray) -> np.ndarray:
        """Return float32 [T, h, w, 1] in [0, 1] of centred frames [T, h, w] in degrees."""
        difference = _centre(frames - background)
        values = (difference - self.low) / (self.high - self.low)
        return np.clip(values, 0, 1).astype(np.float32)[..., np.newaxis]


def _background(text: str) -> tuple[bool, Callable[[np.ndarray], np.ndarray]]:
    """Return whether a session has one background, and that of a recording [T, h, w] -> [h, w]."""
    calls = parse_calls(text)
    name, arguments = calls[0].name, calls[0].args
    if len(calls) == 1 and not calls[0].kwargs:
        if name == "none" and not arguments:
            return False, lambda frames: np.zeros_like(frames[0])
        if name == "median" and not arguments:
            return False, lambda frames: np.median(frames, axis=0)
        if name in ("percentile", "session") and len(arguments) == 1:
            level = require_number(name, arguments[0], 0, 100)
            return name == "session", lambda frames: np.percentile(frames, level, axis=0)
        if name == "first" and len(arguments) == 1:
            count = require_integer("first", arguments[0], 1)
            return False, lambda frames: frames[:count].mean(axis=0)
    raise InputError(
        f"background={text!r} is unknown: give 'session(25)', 'percentile(25)', 'median', "
        "'first(10)' or 'none'"
    )


def _centre(frames: np.ndarray) -> np.ndarray:
    """Return images [..., h, w] less the median of each."""
    return frames - np.median(frames, axis=(-2, -1), keepdims=True)


def _prepare(recordings: dict[str, Path], folder: Path, preparation: Preparation) -> None:
    """Write the prepared recordings that are not in the folder yet."""
    missing = [name for name in recordings if not (folder / f"{name}.npy").exists()]
    if not missing:
        return
    of_session, background = _background(preparation.background)
    shared = _session_backgrounds(recordings, background) if of_session else {}
    for name in missing:
        frames = _read_recording(recordings[name])
        own = shared[_session(name)] if of_session else background(frames)
        with (
            replacing(folder / f"{name}.npy") as temporary,
            temporary.open("wb") as stream,
        ):
            np.save(stream, preparation.apply(frames, own))


def _session_backgrounds(
    recordings: dict[str, Path], background: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    """Return session -> the median of the backgrounds of its recordings."""
    found = {}
    for name, file in recordings.items():
        found.setdefault(_session(name), []).append(_centre(background(_read_recording(file))))
    return {session: np.median(images, axis=0) for session, images in found.items()}


def _session(recording: str) -> str:
    return recording.partition("_")[0]


def _read_segments(file: Path) -> pd.DataFrame:
    """Return the rows of segments.csv, `end` called `stop`; its index + 2 is the line."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except FileNotFoundError:
        raise InputError(
            f"{file}: no such file: give the folder that holds segments.csv and recordings"
        ) from None
    except (OSError, ValueError) as error:
        detail = str(error).strip().splitlines()[-1]
        raise InputError(f"{file}: cannot be read: {detail}") from error
    missing = [name for name in _COLUMNS if name not in table]
    if missing or table.empty:
        wrong = f"has no column {missing[0]!r}" if missing else "has no segment"
        raise InputError(f"{file}: {wrong}: its header must be {','.join(_COLUMNS)}, with rows")
    whole = table["start"].str.fullmatch(r"\d{1,9}") & table["end"].str.fullmatch(r"\d{1,9}")
    frames = table[["start", "end"]].where(whole, "0").astype(int)
    checks = {
        "recording": (table["recording"].str.fullmatch(r"\w[\w.-]*"), "must be a name of a file"),
        "end": (whole & (frames["start"] < frames["end"]), "start and end must be rising frames"),
        "action": (table["action"].isin(ACTIONS), f"must be one of {', '.join(ACTIONS)}"),
        "person": (table["person"] != "", "is empty"),
    }
    for column, (good, rule) in checks.items():
        if not good.all():
            line = (~good.to_numpy()).argmax()
            raise InputError(
                f"{file} line {line + 2}: {column} {table[column].iat[line]!r} cannot be used: "
                f"{rule}: correct or delete the line"
            )
    return table.assign(start=frames["start"], stop=frames["end"])


def _find_recordings(root: Path, segments: pd.DataFrame) -> dict[str, Path]:
    """Return recording -> file, sorted by name."""
    files = {}
    for line, name in enumerate(segments["recording"], 2):
        files[name] = root / "recordings" / f"{name}.npz"
        if not files[name].is_file():
            raise InputError(
                f"{root / 'segments.csv'} line {line}: no recording {files[name]}: add it or "
                "delete the lines that name it"
            )
    return dict(sorted(files.items()))


def _claim(folder: Path, settings: dict) -> None:
    """Note in the folder what its recordings are made of, or check that it says the same."""
    file = folder / "settings.json"
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        write_json(file, settings)
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found != settings:
        what = "other files" if found is None else f"recordings prepared with {found}"
        raise InputError(
            f"prepared={str(folder)!r} holds {what}, not with {settings}: give another folder, or "
            "remove this one"
        )


def _read_recording(file: Path) -> np.ndarray:
    """Return the centred frames of a recording, float64 [T, 16, 16] in degrees Celsius."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            frames = arrays["frames"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        detail = " ".join(str(error).split())
        raise InputError(
            f"{file}: no array 'frames' can be read from it: {detail}: copy the recording anew"
        ) from error
    if frames.dtype != np.int16 or frames.shape[1:] != (SIDE, SIDE) or not len(frames):
        raise InputError(
            f"{file}: frames is {frames.dtype} {list(frames.shape)}, not int16 [T, 16, 16]: copy "
            "the recording anew"
        )
    return _centre(frames / STEPS_PER_DEGREE)


def _manifest(segments: pd.DataFrame, folder: Path, merge: bool) -> pd.DataFrame:
    merged = MERGED if merge else {}
    actions = list(dict.fromkeys(merged.get(name, name) for name in ACTIONS))
    tags = segments["action"].replace(merged)
    manifest = pd.DataFrame(
        {
            "path": [str(folder / f"{name}.npy") for name in segments["recording"]],
            "start": segments["start"].astype("Int64"),
            "stop": segments["stop"].astype("Int64"),
            "subject": segments["person"],
            "action": tags.map(actions.index),
            "posture": tags.map({name: label for label, name in enumerate(POSTURES)}),
            "position": segments["position"],
            "light": segments["light"],
        }
    ).astype({"action": "Int64", "posture": "Int64"})
    manifest.attrs["classes"] = {"action": actions, "posture": list(POSTURES)}
    return manifest
