"""`people`: a generated data set of human figures as a thermal camera would see them.

The default for a machine with no data. It writes ordinary image files and a manifest, so that they
go through the same decoding and degradation as real recordings:

    <folder>/manifest.csv
    <folder>/settings.json
    <folder>/<split>/<posture>/person<person>_<number>.png
"""

import json
import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.datasets.figure import Person, joint_positions, random_person, stand_on_floor
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
    view = np.radians(random_view(posture, rng))
    cos, sin = np.cos(view), np.sin(view)
    positions = positions @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    positions = stand_on_floor(positions, radii)
    middle = (positions[:, [0, 2]].min(axis=0) + positions[:, [0, 2]].max(axis=0)) / 2
    sideways, towards = rng.uniform((-0.35, -0.3), (0.35, 0.3))
    positions = positions + (sideways - middle[0], 0, towards - middle[1])

    camera = random_camera(rng)
    scene = random_background(camera, drawn, rng)
    draw_figure(scene, camera, positions, radii, person.limb_temperatures())
    return random_exposure(scene, size, rng)


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


def _write_images(plan: pd.DataFrame, folder: Path, size: int, seed: int, workers: int | None):
    postures = plan.attrs["classes"]["posture"]
    crowd = {
        subject: random_person(
            np.random.default_rng([_PEOPLE, seed, int(subject.removeprefix("person"))])
        )
        for subject in plan["subject"].unique()
    }
    for parent in {(folder / path).parent for path in plan["path"]}:
        parent.mkdir(parents=True, exist_ok=True)

    def write(row) -> None:
        rng = np.random.default_rng([_IMAGES, seed, row.Index])
        picture = draw_image(crowd[row.subject], postures[row.posture], size, rng)
        # imencode, since cv2.imwrite cannot open non-ASCII names on every system.
        (folder / row.path).write_bytes(cv2.imencode(".png", picture)[1].tobytes())

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for _ in tqdm(pool.map(write, plan.itertuples()), "people", len(plan), unit="image"):
            pass


def _check_options(samples: int, people: int, size: int, seed: int, postures: tuple) -> None:
    lowest = {"samples": (samples, 1), "people": (people, 3), "size": (size, 8), "seed": (seed, 0)}
    for name, (value, least) in lowest.items():
        if not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"people: {name}={value!r}: give a whole number of at least {least}")
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
    samples begin with the same pictures. The folder appears whole or not at all.

    Args:
        folder: where to write; it must be absent or empty.
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
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not an empty folder: choose another, or remove it first")
    plan = _plan(samples, people, postures, seed)
    counts = {"samples": samples, "people": people, "size": size, "seed": seed}
    settings = {name: int(value) for name, value in counts.items()} | {"postures": list(postures)}

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        unfinished = Path(temporary) / "people"
        unfinished.mkdir()
        _write_images(plan, unfinished, size, seed, workers)
        (unfinished / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")
        plan["path"] = [str(unfinished / path) for path in plan["path"]]
        write_manifest(plan, unfinished / "manifest.csv")
        unfinished.replace(folder)
    return read_manifest(folder / "manifest.csv")


@DATASETS.register("people")
def read_people(
    path: str | Path,
    samples: int | None = None,
    people: int | None = None,
    size: int | None = None,
    seed: int | None = None,
    postures: tuple[str, ...] | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Read a folder that `generate_people` wrote, or write it if it is absent or empty.

    Args:
        path: the folder.
        samples: how many images to draw; needed only when there are none yet.
        people, size, seed, postures, workers: see `generate_people`. None stands for its default
            when drawing, and for whatever the folder holds when reading.

    Returns:
        The manifest: path, subject, split, posture, identity.

    Raises:
        InputError: if the folder holds something else, or images made with other options.
    """
    folder = Path(path)
    given = {"samples": samples, "people": people, "size": size, "seed": seed}
    given["postures"] = None if postures is None else list(postures)
    options = {name: value for name, value in given.items() if value is not None}
    if folder.is_dir() and any(folder.iterdir()):
        _check_same_settings(folder, options)
        return read_manifest(folder / "manifest.csv")
    if "samples" not in options:
        raise InputError(
            f"{folder}: holds no generated people yet: give samples=2400, say, to draw them"
        )
    return generate_people(folder, **options, workers=workers)


def _check_same_settings(folder: Path, options: dict) -> None:
    try:
        settings = json.loads((folder / "settings.json").read_text())
    except (OSError, ValueError):
        raise InputError(
            f"{folder}: is not a folder of generated people (no readable settings.json): "
            "choose an absent or empty folder"
        ) from None
    for name, value in options.items():
        if settings.get(name) != value:
            raise InputError(
                f"{folder}: was generated with {name}={settings.get(name)!r}, not {value!r}: "
                "choose another folder, or remove this one"
            )
