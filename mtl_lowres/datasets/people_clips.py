"""Clips of generated people, labelled with posture, action, identity and age.

    <folder>/manifest.csv
    <folder>/settings.json
    <folder>/clips/person<person>/<number>_<action>.npy     uint8 [frames, size, size]

No label gives another away. An action of the trunk and arms is done equally often in every posture;
an action of the whole body has no posture, so that cell is empty. People take turns at random.

Two kinds of people are in it. The *known* have many clips each and an identity; their held-out
clips have no other label, so that nothing but identity is measured on people seen in training. The
others have a few clips each and are split by person for posture, action and age.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.video_file import write_video
from mtl_lowres.datasets.generated import check_whole_numbers, write_generated
from mtl_lowres.datasets.motions import (
    ACTIONS,
    CLIP_POSTURES,
    FRAMES_PER_SECOND,
    IN_PLACE,
    random_motion,
)
from mtl_lowres.datasets.population import Member, random_member, spread_ages
from mtl_lowres.datasets.thermal import (
    draw_figure,
    random_background,
    random_exposure,
    random_fixed_camera,
)

# Below this side a picture is drawn larger and then averaged, as a coarse sensor does.
_DRAWING_SIZE = 128
# First word of the random seeds; the numbers below 3 are those of the images.
_MEMBERS, _SPLIT, _CELLS, _KNOWN_TURNS, _OTHER_TURNS, _CLIPS = range(3, 9)
# Two of five clips show known people; of their clips in turn, these are the splits.
_BLOCK, _KNOWN_IN_BLOCK = 5, 2
_KNOWN_SPLITS = ("train", "train", "train", "val", "test")
# One cycle of (action, posture): every action as often as any other, and in every posture.
_CYCLE = [
    (action, posture if action in IN_PLACE else None)
    for action in ACTIONS
    for posture in CLIP_POSTURES
]


def draw_clip(
    member: Member,
    action: str,
    posture: str | None,
    frames: int,
    size: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return a clip of `member` doing `action` in `posture`, uint8 [frames, size, size].

    It has `FRAMES_PER_SECOND`; hot is white. Without a posture the action begins where it must.
    How it is done, place, direction, camera, room and sensor are random, and the same all the clip.
    """
    drawn = size * -(-_DRAWING_SIZE // size) if size < _DRAWING_SIZE else size
    positions = random_motion(action, posture or "stand", member, frames, rng)
    camera = random_fixed_camera(rng)
    room = random_background(camera, drawn, rng, warmest=20.5)
    scenes = np.repeat(room[None], frames, axis=0)
    person = member.person
    draw_figure(scenes, camera, positions, person.radii(), person.limb_temperatures())
    return random_exposure(scenes, size, rng, drift=0.3)


def generate_clips(
    folder: str | Path,
    samples: int,
    *,
    people: int = 240,
    known: int = 20,
    frames: int = 16,
    size: int = 64,
    seed: int = 0,
    video: bool = False,
    workers: int | None = None,
) -> pd.DataFrame:
    """Draw clips of moving people and write them with a manifest.

    The same arguments give the same clips whatever the number of workers, and more samples begin
    with the same clips. Generating that was interrupted goes on where it stopped; the manifest
    is written last.

    Args:
        folder: where to write; it must be absent, empty or unfinished.
        samples: how many clips. In every 60 of them each action occurs six times.
        people: how many persons. Their ages are spread evenly over 4 to 90 years.
        known: how many of them have an identity, at least 2. There must be at least 3 others; a
            sixth of these each, at least one, is held out for val and test.
        frames: the length of a clip, at least 8, at `FRAMES_PER_SECOND`. Actions that repeat have
            one cycle in about 12 frames.
        size: the side of the frames in pixels.
        seed: chooses people, split and everything in the clips.
        video: whether to write MJPEG videos (`.avi`), which lose a little, rather than arrays.
        workers: how many threads draw; by default one for each processor.

    Returns:
        The manifest, as `read_manifest` gives it: path, subject, split, posture (a third of the
        rows), action, identity and age in years.

    Raises:
        InputError: if an option is out of range or the folder holds something else.

    Example:
        >>> manifest = generate_clips("clips", samples=3000)  # doctest: +SKIP
    """
    folder = Path(folder).resolve()
    _check_options(samples, people, known, frames, size, seed)
    counts = {"samples": samples, "people": people, "known": known, "frames": frames}
    counts = {name: int(value) for name, value in (counts | {"size": size, "seed": seed}).items()}
    settings = {"clips": True, **counts, "video": bool(video)}
    plan = _plan(samples, people, known, seed)
    ages = spread_ages(people)
    members = [
        random_member(age, np.random.default_rng([_MEMBERS, seed, person]))
        for person, age in enumerate(ages)
    ]
    write_frames = _write_video if video else _write_array

    def write(number: int, path: Path) -> None:
        person, action, posture, _ = plan[number]
        rng = np.random.default_rng([_CLIPS, seed, number])
        write_frames(draw_clip(members[person], action, posture, frames, size, rng), path)

    manifest = _manifest(plan, ages, known, ".avi" if video else ".npy")
    return write_generated(folder, manifest, settings, write, workers=workers, unit="clip")


def _check_options(samples, people, known, frames, size, seed) -> None:
    check_whole_numbers({"known": (known, 2), "frames": (frames, 8), "size": (size, 8)})
    check_whole_numbers({"seed": (seed, 0), "people": (people, known + 3)})
    # Fewer would leave known people without a clip in train.
    check_whole_numbers({"samples": (samples, -(-known // _KNOWN_IN_BLOCK) * _BLOCK)})


def _plan(samples: int, people: int, known: int, seed: int) -> list[tuple]:
    """Return (person, action, posture or None, split) of each clip; the first people are known."""
    others = people - known
    held_out = max(1, round(others / 6))
    splits = ["val"] * held_out + ["test"] * held_out + ["train"] * (others - 2 * held_out)
    split_order = np.random.default_rng([_SPLIT, seed]).permutation(others)
    blocks = -(-samples // _BLOCK)
    cells = _turns(samples, len(_CYCLE), _CELLS, seed)
    known_turns = _turns(blocks * _KNOWN_IN_BLOCK, known, _KNOWN_TURNS, seed)
    other_turns = _turns(blocks * (_BLOCK - _KNOWN_IN_BLOCK), others, _OTHER_TURNS, seed)
    plan = []
    for number, cell in enumerate(cells):
        block, place = divmod(number, _BLOCK)
        if place < _KNOWN_IN_BLOCK:
            at = block * _KNOWN_IN_BLOCK + place
            person, split = known_turns[at], _KNOWN_SPLITS[at // known % len(_KNOWN_SPLITS)]
        else:
            other = other_turns[block * (_BLOCK - _KNOWN_IN_BLOCK) + place - _KNOWN_IN_BLOCK]
            person, split = known + other, splits[split_order[other]]
        plan.append((person, *_CYCLE[cell], split))
    return plan


def _turns(length: int, count: int, *seed: int) -> list[int]:
    """Return `length` numbers below `count`: all of them in random order, and so on again."""
    rounds = range(-(-length // count))
    turns = [np.random.default_rng([*seed, number]).permutation(count) for number in rounds]
    return np.concatenate(turns)[:length].tolist()


def _manifest(plan: list[tuple], ages: np.ndarray, known: int, suffix: str) -> pd.DataFrame:
    """Return the manifest of the planned clips, with paths relative to the folder."""
    rows = []
    for number, (person, action, posture, split) in enumerate(plan):
        subject = f"person{person:03d}"
        row = {
            "path": f"clips/{subject}/{number:06d}_{action}{suffix}",
            "subject": subject,
            "split": split,
            "posture": pd.NA if posture is None else CLIP_POSTURES.index(posture),
            "action": ACTIONS.index(action),
            "identity": person if person < known else pd.NA,
            "age": ages[person],
        }
        if person < known and split != "train":
            row |= {"posture": pd.NA, "action": pd.NA, "age": np.nan}
        rows.append(row)
    manifest = pd.DataFrame(rows)
    manifest = manifest.astype(dict.fromkeys(("posture", "action", "identity"), "Int64"))
    manifest.attrs["classes"] = {
        "posture": list(CLIP_POSTURES),
        "action": list(ACTIONS),
        "identity": [f"person{person:03d}" for person in range(known)],
    }
    return manifest


def _write_array(clip: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, clip)


def _write_video(clip: np.ndarray, path: Path) -> None:
    write_video(clip, path, FRAMES_PER_SECOND)
