"""A small generated set in the layout of `swimmers`: coloured figures that move in water.

A stand-in, since the thesis's own clips are not public: it shows that a network and its training
work on such clips, and says nothing about real swimmers.
"""

import csv
import dataclasses
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from mtl_lowres.datasets.swimmers import read_swimmers
from mtl_lowres.errors import InputError

ACTIONS = ("breaststroke", "drowning", "freestyle", "safe")
SIDE = 100
RATE = 30
# Blue, green, red.
WATER = np.array([170.0, 120.0, 40.0])
_FRAMES = (30, 45)


@dataclasses.dataclass(frozen=True)
class Swimmer:
    """How a person looks from above: colours in BGR, size in pixels, strokes a second."""

    name: str
    skin: tuple[int, int, int]
    cap: tuple[int, int, int]
    suit: tuple[int, int, int]
    size: float
    tempo: float


SWIMMERS = (
    Swimmer("ana", (140, 175, 225), (40, 40, 215), (150, 50, 40), 15.0, 1.0),
    Swimmer("ben", (85, 125, 185), (235, 235, 235), (40, 40, 40), 17.0, 0.9),
    Swimmer("chi", (120, 165, 215), (40, 210, 235), (60, 140, 40), 14.0, 1.1),
    Swimmer("dan", (50, 75, 120), (45, 45, 45), (40, 120, 235), 18.0, 1.0),
)


def make_swimmers(path: str | Path, *, clips_per_pair: int = 10, seed: int = 0) -> pd.DataFrame:
    """Write clips of four people doing four actions, and read them.

    Each is a Motion-JPEG AVI of 100x100 pixels, 30 to 45 frames at 30 a second, called
    `<action 0-3>_<identity 0-3>_<number>.avi`; `names.csv` names the actions and people. Place,
    direction, phase, light and water are random. The same arguments give the same files byte for
    byte, and more clips begin with the same ones. The folder appears whole or not at all.

    Args:
        path: where to write; it must be absent or empty.
        clips_per_pair: clips of each person doing each action, at least 1.
        seed: chooses everything random.

    Returns:
        What `read_swimmers` returns for the folder.

    Raises:
        InputError: if an option is out of range or the folder holds something already.

    Example:
        >>> manifest = make_swimmers("clips", clips_per_pair=10)  # doctest: +SKIP
    """
    for name, value, least in (("clips_per_pair", clips_per_pair, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or value < least:
            raise InputError(f"{name}={value!r}: give a whole number of at least {least}")
    folder = Path(path).resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not an empty folder: choose another, or remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        unfinished = Path(temporary) / "swimmers"
        unfinished.mkdir()
        _write_clips(unfinished, clips_per_pair, seed)
        _write_names(unfinished / "names.csv")
        unfinished.replace(folder)
    return read_swimmers(folder)


def draw_clip(action: str, swimmer: Swimmer, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the frames of one clip, uint8 [100, 100, 3] in BGR."""
    count = int(rng.integers(_FRAMES[0], _FRAMES[1] + 1))
    heading, phase, drift = rng.uniform(0, 2 * np.pi, 3)
    speed = {"freestyle": 0.75, "breaststroke": 0.5}.get(action, 0.0)
    forward = np.array([np.cos(heading), np.sin(heading)])
    sideways = np.array([np.cos(drift), np.sin(drift)])
    # A swimmer passes the middle of the picture halfway through the clip.
    middle = SIDE / 2 + rng.uniform(-10, 10, 2)
    tempo = swimmer.tempo * rng.uniform(0.85, 1.15)
    light, (still, later) = rng.uniform(0.8, 1.15), _waves(rng)
    frames = []
    for number in range(count):
        time = number / RATE
        height = np.cos(4 * time) * still + np.sin(4 * time) * later
        frame = (WATER + 9 * height).astype(np.float32)
        at = middle + (number - count / 2) * (speed * forward + 0.08 * sideways)
        turn = heading + (0.35 * np.sin(5 * time + phase) if action == "drowning" else 0.0)
        _draw_body(frame, action, swimmer, at, turn, 2 * np.pi * tempo * time + phase)
        if action in ("drowning", "freestyle"):
            _splash(frame, at, 0.9 if action == "drowning" else 0.4, swimmer.size, rng)
        noise = rng.standard_normal(frame.shape, np.float32)
        frames.append(np.clip(frame * light + 3 * noise, 0, 255).astype(np.uint8))
    return frames


def _write_clips(folder: Path, clips_per_pair: int, seed: int) -> None:
    places = [
        (action, identity, number)
        for action in range(len(ACTIONS))
        for identity in range(len(SWIMMERS))
        for number in range(clips_per_pair)
    ]

    def write(place: tuple[int, int, int]) -> None:
        action, identity, number = place
        rng = np.random.default_rng([seed, *place])
        file = folder / f"{action}_{identity}_{number}.avi"
        # OpenCV's own writer, whose files do not depend on the FFmpeg that it was built with.
        writer = cv2.VideoWriter(
            str(file),
            cv2.CAP_OPENCV_MJPEG,
            cv2.VideoWriter_fourcc(*"MJPG"),
            RATE,
            (SIDE, SIDE),
        )
        for frame in draw_clip(ACTIONS[action], SWIMMERS[identity], rng):
            writer.write(frame)
        writer.release()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(tqdm(pool.map(write, places), "swimmers", len(places), unit="clip", delay=2))


def _write_names(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["task", "token", "name"])
        writer.writerows(("action", number, name) for number, name in enumerate(ACTIONS))
        writer.writerows(("identity", n, person.name) for n, person in enumerate(SWIMMERS))


def _waves(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the water's height at two moments, a quarter of a period apart, [100, 100, 1] each.

    Four waves of random direction travel at one pace, so that any other moment is a mixture of the
    two.
    """
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    place = np.zeros((SIDE, SIDE, 1), np.complex64)
    for order, (angle, phase) in enumerate(rng.uniform(0, 2 * np.pi, (4, 2))):
        along = np.cos(angle) * x + np.sin(angle) * y
        place[..., 0] += np.exp(1j * (along / (3 + 2 * order) + phase))
    return place.real, place.imag


def _draw_body(frame, action: str, swimmer: Swimmer, at, turn: float, phase: float) -> None:
    """Draw head, trunk and limbs, seen from above; `phase` is that of the stroke in radians."""
    size = swimmer.size
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

    def pixel(forward: float, side: float) -> tuple[int, int]:
        return tuple(np.round(at + rotation @ (forward * size, side * size)).astype(int).tolist())

    def limb(start, length: float, angle: float, side: int, depth: float) -> None:
        """Draw an arm or leg; `depth` 1 is under so much water that only a hint is left."""
        end = start[0] + length * np.cos(angle), start[1] + side * length * np.sin(angle)
        colour = (1 - depth) * np.array(swimmer.skin) + depth * WATER
        cv2.line(frame, pixel(*start), pixel(*end), colour.tolist(), 3, cv2.LINE_AA)

    upright = action in ("drowning", "safe")
    hips, shoulders = (-0.1, 0.1) if upright else (-0.8, 0.3)
    for side in (-1, 1):
        arm, leg, depth = _limb_angles(action, phase, side)
        limb((shoulders, 0.22 * side), 0.85, arm, side, depth)
        if not upright:
            limb((hips, 0.12 * side), 0.9, leg, side, 0.4)
    thickness = max(1, round(0.45 * size))
    cv2.line(frame, pixel(hips, 0), pixel(shoulders, 0), swimmer.suit, thickness, cv2.LINE_AA)
    cv2.circle(frame, pixel(shoulders, 0), round(0.3 * size), swimmer.skin, -1, cv2.LINE_AA)
    # Who drowns goes under again and again.
    under = action == "drowning" and np.sin(phase) < -0.4
    if not under:
        ahead = shoulders + (0.0 if upright else 0.4)
        cv2.circle(frame, pixel(ahead, 0), round(0.26 * size), swimmer.cap, -1, cv2.LINE_AA)


def _limb_angles(action: str, phase: float, side: int) -> tuple[float, float, float]:
    """Return the angles of arm and leg from straight ahead, in radians, and the arm's depth."""
    if action == "freestyle":  # the arms take turns, above water when they go forward
        turn = phase + (np.pi if side > 0 else 0)
        arm = np.pi / 2 * (1 - np.cos(turn))
        return arm, np.pi - 0.15 * np.sin(4 * turn), 0.6 if np.sin(turn) > 0 else 0.0
    if action == "breaststroke":  # both sides alike, always under water
        return 0.9 * (1 - np.cos(phase)), np.pi - 0.5 * (1 + np.sin(phase)), 0.3
    if action == "drowning":  # quick beats at the sides
        return np.pi / 2 + 0.8 * np.sin(3 * phase + side), 0.0, 0.0
    return np.pi / 2 + 0.2 * np.sin(phase), 0.0, 0.5


def _splash(frame, at, strength: float, size: float, rng: np.random.Generator) -> None:
    """Draw white specks of water around a body."""
    for _ in range(rng.poisson(18 * strength)):
        x, y = np.round(at + rng.normal(0, 0.8 * size, 2)).astype(int).tolist()
        cv2.circle(frame, (x, y), int(rng.integers(1, 3)), (245, 240, 230), -1, cv2.LINE_AA)
