"""`people`: a generated data set of human figures as a thermal camera would see them.

The default for a machine with no data. It writes ordinary image files and a manifest, so that they
go through the same decoding and degradation as real recordings:

    <folder>/manifest.csv
    <folder>/settings.json
    <folder>/<split>/<posture>/person<person>_<number>.png

With `clips=True` they move: see `people_clips`.
"""

import math
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from mtl_lowres.data.manifest import read_manifest
from mtl_lowres.datasets.figure import (
    Person,
    joint_positions,
    random_person,
    stand_on_floor,
    turn,
)
from mtl_lowres.datasets.generated import check_settings, check_whole_numbers, write_generated
from mtl_lowres.datasets.people_clips import generate_clips
from mtl_lowres.datasets.postures import POSTURES, random_pose, random_view
from mtl_lowres.datasets.thermal import (
    draw_figure,
    random_background,
    random_camera,
    random_exposure,
)
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

# Below this side a picture is drawn larger and then averaged, as a coarse sensor does.
_DRAWING_SIZE = 128
# First word of the random seeds, so that people, split and images have streams of their own.
_PEOPLE, _SPLIT, _IMAGES = range(3)


def draw_image(person: Person, posture: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of `person` in `posture`, uint8 [size, size], hot is white.

    How the posture is held, place, direction, camera, room and sensor are random.
    """
    drawn = size * -(-_DRAWING_SIZE // size) if size < _DRAWING_SIZE else size
    radii = person.radii()
    positions = joint_positions(random_pose(posture, rng), person.offsets())
    if rng.random() < 0.5:
        positions = positions * (-1, 1, 1)
    positions = stand_on_floor(turn(positions, random_view(posture, rng)), radii)
    middle = (positions[:, [0, 2]].min(axis=0) + positions[:, [0, 2]].max(axis=0)) / 2
    sideways, towards = rng.uniform((-0.35, -0.3), (0.35, 0.3))
    positions = positions + (sideways - middle[0], 0, towards - middle[1])

    camera = random_camera(rng)
    scene = random_background(camera, drawn, rng)
    draw_figure(scene[None], camera, positions[None], radii, person.limb_temperatures())
    return random_exposure(scene[None], size, rng)[0]


def _split_people(people: int, seed: int) -> list[str]:
    """Return the split of each person: a sixth of them each for val and test, at least one."""
    held_out = max(1, round(people / 6))
    splits = ["val"] * held_out + ["test"] * held_out + ["train"] * (people - 2 * held_out)
    order = np.random.default_rng([_SPLIT, seed]).permutation(people)
    return [splits[i] for i in order]


def _plan(samples: int, people: int, postures: tuple[str, ...], seed: int) -> pd.DataFrame:
    """Return the manifest of the images to draw, with paths relative to the folder.

    Postures take turns, and so do people: both are balanced to within an image or two, and every
    person takes every posture once in people * postures images.
    """
    splits = _split_people(people, seed)
    # Only the training people are classes: who is held out cannot be recognised.
    known = [person for person in range(people) if splits[person] == "train"]
    identities = {person: identity for identity, person in enumerate(known)}
    # After this many images the same pairs would come again; the people then move on by one.
    cycle = math.lcm(people, len(postures))
    rows = []
    for number in range(samples):
        posture, person = number % len(postures), (number + number // cycle) % people
        file = f"{splits[person]}/{postures[posture]}/person{person:02d}_{number:06d}.png"
        identity = identities.get(person, pd.NA)
        rows.append((file, f"person{person:02d}", splits[person], posture, identity))
    plan = pd.DataFrame(rows, columns=["path", "subject", "split", "posture", "identity"])
    plan = plan.astype({"posture": "Int64", "identity": "Int64"})
    plan.attrs["classes"] = {
        "posture": list(postures),
        "identity": [f"person{person:02d}" for person in known],
    }
    return plan


def _writer(plan: pd.DataFrame, size: int, seed: int):
    """Return the function that draws the image of a row of the plan and writes it."""
    names = plan.attrs["classes"]["posture"]
    subjects, postures = plan["subject"].tolist(), plan["posture"].tolist()
    crowd = {
        subject: random_person(
            np.random.default_rng([_PEOPLE, seed, int(subject.removeprefix("person"))])
        )
        for subject in plan["subject"].unique()
    }

    def write(number: int, path: Path) -> None:
        rng = np.random.default_rng([_IMAGES, seed, number])
        picture = draw_image(crowd[subjects[number]], names[postures[number]], size, rng)
        # imencode, since cv2.imwrite cannot open non-ASCII names on every system.
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())

    return write


def _check_options(samples: int, people: int, size: int, seed: int, postures: tuple) -> None:
    check_whole_numbers(
        {"samples": (samples, 1), "people": (people, 3), "size": (size, 8), "seed": (seed, 0)}
    )
    unknown = [posture for posture in postures if posture not in POSTURES]
    if unknown or len(set(postures)) != len(postures) or not postures:
        raise InputError(
            f"people: postures={list(postures)!r}: give different names out of "
            f"{', '.join(POSTURES)}"
        )


def generate_people(
    folder: str | Path,
    samples: int,
    *,
    people: int = 24,
    size: int = 128,
    seed: int = 0,
    postures: tuple[str, ...] = POSTURES,
    workers: int | None = None,
) -> pd.DataFrame:
    """Draw human figures and write them as PNG files with a manifest.

    The same arguments give the same files byte for byte, whatever the number of workers, and more
    samples begin with the same pictures. Generating that was interrupted goes on where it
    stopped; the manifest is written last.

    Args:
        folder: where to write; it must be absent, empty or unfinished.
        samples: how many images. Postures are balanced to within one image.
        people: how many persons, at least 3. They differ in build, clothes and heat. A sixth of
            them each, at least one, is held out for val and test.
        size: the side of the images in pixels.
        seed: chooses people, split and everything in the images.
        postures: which postures to draw; the order gives the class index.
        workers: how many threads draw; by default one for each processor.

    Returns:
        The manifest, as `read_manifest` gives it, with the columns path, subject, split (by
        person), posture and identity (of the training people; empty for the others).

    Raises:
        InputError: if an option is out of range or the folder holds something already.

    Example:
        >>> manifest = generate_people("figures", samples=2400)  # doctest: +SKIP
    """
    folder, postures = Path(folder).resolve(), tuple(postures)
    _check_options(samples, people, size, seed, postures)
    plan = _plan(samples, people, postures, seed)
    counts = {"samples": samples, "people": people, "size": size, "seed": seed}
    settings = {"clips": False, **{name: int(value) for name, value in counts.items()}}
    settings["postures"] = list(postures)
    write = _writer(plan, size, seed)
    return write_generated(folder, plan, settings, write, workers=workers, unit="image")


@DATASETS.register("people")
def read_people(
    path: str | Path,
    samples: int | None = None,
    people: int | None = None,
    size: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    clips: bool | None = None,
    postures: tuple[str, ...] | None = None,
    known: int | None = None,
    frames: int | None = None,
    video: bool | None = None,
) -> pd.DataFrame:
    """Read a folder of generated images or clips of people, or write it if it is not there.

    Args:
        path: the folder.
        samples: how many images or clips to draw; needed only when there are none yet.
        people, size, seed, workers: see `generate_people` and `generate_clips`. None stands for
            the default when drawing, and for whatever the folder holds when reading.
        clips: whether to draw clips; None for images.
        postures: of images alone; see `generate_people`.
        known, frames, video: of clips alone; see `generate_clips`.

    Returns:
        The manifest: path, subject, split, posture, identity; for clips also action and age.

    Raises:
        InputError: if the folder holds something else, or was made with other options.
    """
    folder = Path(path)
    given = {"samples": samples, "people": people, "size": size, "seed": seed, "clips": clips}
    given |= {"known": known, "frames": frames, "video": video}
    given["postures"] = None if postures is None else list(postures)
    options = {name: value for name, value in given.items() if value is not None}
    if (folder / "manifest.csv").exists():
        check_settings(folder, options)
        return read_manifest(folder / "manifest.csv")
    if "samples" not in options:
        raise InputError(
            f"{folder}: holds no generated people yet: give samples=2400, say, to draw them"
        )
    clips = options.pop("clips", False)
    for name in ("postures",) if clips else ("known", "frames", "video"):
        if name in options:
            kind = "images" if clips else "clips"
            raise InputError(f"people: {name}={options[name]!r} is for {kind}: leave it out")
    generate = generate_clips if clips else generate_people
    return generate(folder, **options, workers=workers)
