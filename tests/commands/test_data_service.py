"""mtl-lowres data-service: what is read through it is the same as what is read here."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.packing import pack_images
from mtl_lowres.data.pipeline import make_dataset

ROOT = Path(__file__).resolve().parents[2]
ROWS, BAD = 11, 4
RANDOM = {"augment": 'rotate(10, at="hr")|flip(0.5)', "training": True}
LEAN_MAIN = """
import runpy
runpy.run_path("tests/lean.py")["make_lean"]()
from mtl_lowres.cli import main
main()
"""


@pytest.fixture(scope="module")
def server():
    command = [sys.executable, "-c", LEAN_MAIN, "data-service", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def address(server):
    line = server.stdout.readline()
    start, end = "data service at ", "; stop with Ctrl-C\n"
    assert line.startswith(start) and line.endswith(end)
    return line.removeprefix(start).removesuffix(end)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("größe")
    rng = np.random.default_rng(0)
    paths = [folder / f"{row}.png" for row in range(ROWS)]
    for path in paths:
        image = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    paths[BAD].write_bytes(paths[BAD].read_bytes()[:40])
    labels = pd.array([row % 3 for row in range(ROWS)], dtype="Int64")
    labels[2] = pd.NA
    return pd.DataFrame({"path": map(str, paths), "posture": labels})


def epochs(manifest, *, count=2, **options):
    """Return the batches of several epochs, and the files that were bad."""
    found = BadFiles(len(manifest), budget=0.5)
    options = {"degrade": "area(4)", "batch_size": 3, "bad_files": found, **options}
    dataset = make_dataset(manifest, ["posture"], **options)
    return [list(dataset.as_numpy_iterator()) for _ in range(count)], [*found.reasons]


def assert_same(ours, theirs):
    tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


def test_shuffled_and_random(manifest, address):
    here = epochs(manifest, **RANDOM, first_epoch=3)
    assert_same(epochs(manifest, **RANDOM, first_epoch=3, service=address), here)
    assert here[1] == [manifest["path"][BAD]]


def test_packed_in_relative_shards_and_cached(manifest, address, monkeypatch, tmp_path):
    packed = pack_images(manifest, tmp_path / "größe", bad_files=BadFiles(ROWS, 0.5))
    here = epochs(packed, hr="area(6)", count=1)
    monkeypatch.chdir(tmp_path)
    relative = packed.assign(path=packed["path"].str.removeprefix(f"{tmp_path}/"))
    assert relative["path"].str.startswith("größe/").all()
    assert_same(epochs(relative, hr="area(6)", count=1, service=address), here)


def test_train(bars, address, tmp_path):
    bars.to_csv(tmp_path / "bars.csv", index=False)
    command = ["train", "--manifest", str(tmp_path / "bars.csv"), "--out", str(tmp_path / "run")]
    command += ["--degrade", "area(8)", "--augment", 'rotate(5, at="hr")', "--epochs", "1"]
    result = CliRunner().invoke(main, [*command, "--data-service", address])
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "run" / "predictions.csv")) > 0
    # It may move: who reads the images changes no result.
    again = CliRunner().invoke(main, [*command, "--data-service", "elsewhere:5050"])
    assert again.exit_code == 0, again.output


def test_it_stops_when_asked(server, address):
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=60) == 0
    assert server.stdout.read() == "stopped\n"


@pytest.fixture
def taken_port():
    with socket.create_server(("", 0)) as other:
        yield other.getsockname()[1]


def test_a_port_of_another_program(taken_port):
    result = CliRunner().invoke(main, ["data-service", "--port", str(taken_port)])
    assert result.exit_code == 2
    assert f"port {taken_port} cannot be used" in result.output


def test_nothing_to_join():
    result = CliRunner().invoke(main, ["data-service", "--join", "localhost:1"])
    assert result.exit_code == 2
    assert "no data service answers at localhost:1" in result.output
