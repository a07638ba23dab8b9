"""A small generated set in the layout of `hmdb51`: thermal people who do ten actions.

A stand-in where HMDB51 is absent: it shows that a sequence of commands works from video files to a
table, and says nothing about films. Each person plays the part of a film, whose title has
characters as odd as some of the release.

    videos/<class>/Film_#<person>_(generated)_<class>_f_nm_np1_fr_goo_<take>.avi
    testTrainMulti_7030_splits/<class>_test_split<1, 2 or 3>.txt
    manifest.csv, settings.json                 of the generator
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.video_file import write_video
from mtl_lowres.datasets.generated import check_settings, check_whole_numbers, write_generated
from mtl_lowres.datasets.hmdb51 import SPLITS, read_hmdb51
from mtl_lowres.datasets.motions import ACTIONS, FRAMES_PER_SECOND
from mtl_lowres.datasets.people_clips import draw_clip
from mtl_lowres.datasets.population import random_member, spread_ages
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing

# Share of the films that is test in each split.
_TEST = 0.3
# First word of the random seeds; the numbers below 9 are those of other generated people.
_MEMBERS, _CLIPS = 9, 10


def make_hmdb51(
    path: str | Path,
    *,
    actions: Sequence[str] = ACTIONS,
    people: int = 20,
    takes: int = 2,
    frames: tuple[int, int] = (20, 44),
    size: int = 64,
    seed: int = 0,
    workers: int | None = None,
) -> pd.DataFrame:
    """Write videos of people doing some actions with three splits, and read the first.

    Every person does every action `takes` times. Each split tests three tenths of the films, in
    all classes alike; none is tested in two splits, and none is in train and test. The same
    arguments give the same files byte for byte, and generating that was interrupted goes on where
    it stopped. A finished folder of the same arguments is only read.

    Args:
        path: where to write; absent, empty, or of the same arguments.
        actions: which of the ten.
        people: how many, at least 4; each is a film.
        takes: videos of each person doing each action.
        frames: shortest and longest video, at 8 frames a second.
        size: the side of the frames in pixels.
        seed: chooses people and everything in the videos.
        workers: how many threads draw; by default one for each processor.

    Returns:
        What `read_hmdb51` returns for the folder.

    Raises:
        InputError: if an option is out of range or the folder holds something else.

    Example:
        >>> manifest = make_hmdb51("HMDB51-generated")  # doctest: +SKIP
    """
    folder = Path(path).resolve()
    _check_options(actions, people, takes, frames, size, seed)
    settings = {"layout": "hmdb51", "actions": [*actions], "people": people, "takes": takes}
    settings |= {"frames": [*frames], "size": size, "seed": seed}
    plan = [
        (action, person, take)
        for action in actions
        for person in range(people)
        for take in range(takes)
    ]
    members = [
        random_member(age, np.random.default_rng([_MEMBERS, seed, person]))
        for person, age in enumerate(spread_ages(people))
    ]

    def write(number: int, file: Path) -> None:
        action, person, take = plan[number]
        rng = np.random.default_rng([_CLIPS, seed, ACTIONS.index(action), person, take])
        count = int(rng.integers(*frames, endpoint=True))
        clip = draw_clip(members[person], action, None, count, size, rng)
        write_video(clip, file, FRAMES_PER_SECOND)

    if (folder / "manifest.csv").exists():
        check_settings(folder, settings)
    else:
        videos = pd.DataFrame({"path": [f"videos/{cell[0]}/{_name(*cell)}" for cell in plan]})
        write_generated(folder, videos, settings, write, workers=workers, unit="video")
    _write_lists(folder / "testTrainMulti_7030_splits", plan, people)
    return read_hmdb51(folder)


def _check_options(actions, people, takes, frames, size, seed) -> None:
    shortest, longest = frames
    check_whole_numbers({"people": (people, 4), "takes": (takes, 1), "size": (size, 8)})
    check_whole_numbers({"frames": (shortest, 8), "longest of frames": (longest, shortest)})
    check_whole_numbers({"seed": (seed, 0)})
    if not actions or not set(actions) <= set(ACTIONS):
        raise InputError(f"people: actions={actions!r}: give some of {', '.join(ACTIONS)}")


def _name(action: str, person: int, take: int) -> str:
    return f"Film_#{person:02d}_(generated)_{action}_f_nm_np1_fr_goo_{take}.avi"


def _write_lists(folder: Path, plan: list[tuple], people: int) -> None:
    """Write the lists of each class; split k tests the k-th three tenths of the films."""
    for split in SPLITS:
        for name in dict.fromkeys(action for action, *_ in plan):
            lines = []
            for action, person, take in plan:
                if action == name:
                    share = (person + 0.5) / people
                    in_test = _TEST * (split - 1) <= share < _TEST * split
                    lines.append(f"{_name(name, person, take)} {2 if in_test else 1} \n")
            with replacing(folder / f"{name}_test_split{split}.txt") as temporary:
                temporary.write_text("".join(lines), encoding="utf-8")
