"""`hmdb51`: 6,849 clips of 51 actions from films and the web (Kuehne et al., ICCV 2011).

    videos/<class>/<film>_<class>_<tags>_<number>.avi
    testTrainMulti_7030_splits/<class>_test_split<1, 2 or 3>.txt     a line a video: `<name> <mark>`

Of each class 70 clips are marked 1 (train), 30 marked 2 (test), and the rest 0 (neither).
"""

import re
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets.split_lists import (
    find_lists,
    find_videos,
    hold_out_groups,
    normalised,
    read_lines,
    videos_by_name,
    warn_of_differences,
)
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

SPLITS = (1, 2, 3)
_MARKS = {"0": None, "1": "train", "2": "test"}
# Visible part of the body, camera motion, people, side, quality, number.
_TAGS = re.compile(r"_[a-z]_(nm|cm)_np[0-9]_[a-z]{2}_[a-z]{3}_[0-9]+$", re.IGNORECASE)
_PART = re.compile(r"(?<=.)_[0-9]{1,2}$")


@DATASETS.register("hmdb51")
def read_hmdb51(
    path: str | Path,
    *,
    split: int = 1,
    splits: str | Path | None = None,
    val: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Read the videos of HMDB51 with one of the three published splits.

    Videos marked 0 are in neither part and left out. A listed video without a file and a video that
    no list names are left out, and a warning counts each kind and names the first. A line that is
    not `<name> <0, 1 or 2>` is an error. Names may hold any character, spaces too.

    The release has no validation rows. `val` takes them out of train by film, so that nothing of a
    film in train is in val. The film is the name up to `_<class>_<tags>`, in lower case and without
    the number of a part, `Return_3` and `Return_4` being one. The published lists are of one class
    each, and a film in train may be in test in another. So there is a column `film` but no
    `subject`, which promises people of one split only; train with `val=0` without val rows.

    Args:
        path: the folder that holds `videos` (or the folders of the classes themselves) and
            `testTrainMulti_7030_splits`.
        split: which of the three.
        splits: the folder of the lists, where it is elsewhere.
        val: fraction of the films in train to hold out, in [0, 1).
        seed: of the choice of films.

    Returns:
        The manifest: path, action (classes in alphabetical order), film, split.

    Raises:
        InputError: if an option is out of range, a folder or list is missing, a line is malformed
            or names a video twice, or a class has no video.

    Example:
        >>> read_dataset("hmdb51", "HMDB51", split=1, val=0.1)  # doctest: +SKIP
    """
    if split not in SPLITS:
        raise InputError(f"hmdb51: split={split!r}: give 1, 2 or 3")
    root = Path(path).absolute()
    ending = f"_test_split{split}.txt"
    lists = find_lists(root, splits, "testTrainMulti_7030_splits", f"[!.]*{ending}")
    classes = sorted(file.name.removesuffix(ending) for file in lists.glob(f"[!.]*{ending}"))
    videos = find_videos(root, ["videos"], classes)
    rows, missing, unlisted = [], [], []
    for label, name in enumerate(classes):
        listed = lists / f"{name}{ending}"
        found = _read_class(videos / name, listed, missing, unlisted)
        if not found:
            raise InputError(
                f"{videos / name}: has none of the videos of {listed}: unpack the class there, or "
                "leave it out altogether by moving its list away"
            )
        rows += [(str(file), label, film_of(file.name, name), part) for file, part in found]
    warn_of_differences(videos, missing, unlisted)
    manifest = pd.DataFrame(rows, columns=["path", "action", "film", "split"])
    manifest = manifest.astype({"action": "Int64"})
    manifest.attrs["classes"] = {"action": classes}
    manifest = manifest[manifest["split"].notna()].reset_index(drop=True)
    return hold_out_groups(manifest, "film", val, seed)


def film_of(name: str, action: str) -> str:
    """Return the film that a video is from, by its name.

    Example:
        >>> film_of("Return_of_the_King_4_pour_u_cm_np1_fr_med_0.avi", "pour")
        'return_of_the_king'
    """
    title = _TAGS.sub("", normalised(Path(name).stem))
    title = title.casefold().removesuffix(f"_{action.casefold()}")
    return _PART.sub("", title)


def _read_class(
    folder: Path, listed: Path, missing: list[str], unlisted: list[Path]
) -> list[tuple[Path, str | None]]:
    """Return the videos of a class with their parts; the differences are added to the lists."""
    files, rows, seen = videos_by_name(folder), [], {}
    for where, line in read_lines(listed):
        name, *marks = line.rsplit(maxsplit=1)
        if len(marks) != 1 or marks[0] not in _MARKS:
            raise InputError(
                f"{where}: {line!r} is not `<name of a video> <0, 1 or 2>`: correct it"
            )
        if normalised(name) in seen:
            raise InputError(
                f"{where}: the video {name!r} is also in {seen[normalised(name)]}: delete one"
            )
        seen[normalised(name)] = where
        if normalised(name) in files:
            rows.append((files[normalised(name)], _MARKS[marks[0]]))
        else:
            missing.append(f"{folder.name}/{name}")
    unlisted += [
        file for name, file in files.items() if file.suffix.lower() == ".avi" and name not in seen
    ]
    return rows
