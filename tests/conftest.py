"""Fixtures shared by all tests: the optional real data and the reference values."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.lean import make_lean


def pytest_collection_finish():
    """Once all modules of tests are imported."""
    make_lean()


def _folder_from_environment(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names the folder that this test reads")
    return Path(value).resolve()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets."""
    return _folder_from_environment("MTL_LOWRES_DATA")


@pytest.fixture(scope="session")
def golden():
    """Arrays computed once by the papers' own released programs."""
    folder = _folder_from_environment("MTL_LOWRES_GOLDEN")
    with np.load(folder / "reference.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def bars(tmp_path_factory):
    """Manifest of a tiny, learnable dataset: bright bars at four places, six people."""
    return _draw_bars(tmp_path_factory.mktemp("bars größe"))


def _draw_bars(folder: Path, people: int = 6, frames: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = ["left", "mid-left", "mid-right", "right"]
    rows = []
    for person in range(people):
        for posture in range(len(names)):
            for frame in range(frames):
                image = rng.integers(0, 60, (24, 24, 3), dtype=np.uint8)
                image[:, 6 * posture : 6 * posture + 4] += np.uint8(120 + 10 * person)
                path = folder / f"person {person} posture {posture} {frame}.png"
                path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
                split = "test" if person == people - 1 else "train"
                rows.append((str(path), f"p{person}", split, posture))
    table = pd.DataFrame(rows, columns=["path", "subject", "split", "posture"])
    table["posture"] = table["posture"].astype("Int64")
    table.attrs["classes"] = {"posture": names}
    return table
