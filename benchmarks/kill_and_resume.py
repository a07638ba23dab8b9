"""Does a run that is killed at random moments end with the weights of an uninterrupted one?

    python benchmarks/kill_and_resume.py --kills 5

Trains LowNet on generated people, once undisturbed and once killed (SIGKILL) at random moments and
started again each time, and compares the final weights bit for bit. Exit status 1 if they differ.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import mtl_lowres as mtl


def start(data: Path, out: Path, epochs: int) -> subprocess.Popen:
    """Start the run in a process of its own."""
    options = ["--dataset", "people", "--data", data, "--out", out, "--epochs", epochs]
    options += ["--augment", "shift(1)|noise(0.02)|mixup(0.2)", "--ema", 0.99]
    command = [sys.executable, "-c", "from mtl_lowres.cli import main; main()", "train"]
    return subprocess.Popen(
        [*command, *map(str, options)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def weights(run: Path) -> dict[str, np.ndarray]:
    """Return the final weights of a run."""
    with np.load(run / "model" / "weights.npz") as arrays:
        return dict(arrays)


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--samples", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        data, whole, killed = (Path(folder) / name for name in ("people", "whole", "killed"))
        mtl.read_dataset("people", data, samples=options.samples)
        started = time.perf_counter()
        if start(data, whole, options.epochs).wait() != 0:
            raise SystemExit("the undisturbed run failed")
        duration = time.perf_counter() - started
        for number in range(options.kills):
            process = start(data, killed, options.epochs)
            time.sleep(moments.uniform(0.3, 1.0) * duration / 2)
            process.send_signal(signal.SIGKILL)
            done = sorted(p.name for p in (killed / "checkpoints").glob("epoch-*"))
            print(f"kill {number + 1}: exit {process.wait()}, checkpoints {done}", flush=True)
        if start(data, killed, options.epochs).wait() != 0:
            raise SystemExit("the resumed run failed")
        first, second = weights(whole), weights(killed)
        same = all(np.array_equal(first[name], second[name]) for name in first)
    print(f"{len(first)} weight arrays, {'identical to the bit' if same else 'DIFFERENT'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
