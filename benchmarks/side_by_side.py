"""What the benchmarks share: peers in processes of their own, turns, medians, tables and JSON."""

import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path("bench") / "environments"
# Every library that reads one of these would otherwise take all cores.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


class PeerMissing(Exception):
    """A peer cannot be installed here; the message says why."""


class Peer:
    """A worker script in a process of its own, which does one thing at a time when it is asked to.

    Between two requests it waits for its standard input and takes no processor time.

    Args:
        script: name of a file in `peers/`.
        arguments: of the script.
        python: that runs it; default: this one, which has our package.
        threads: that its libraries may use.
    """

    def __init__(self, script: str, *arguments, python: Path | None = None, threads: int = 1):
        environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(threads))
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [python or sys.executable, PEERS / script, *arguments]
        self._name = script
        self._folder = tempfile.TemporaryDirectory()
        self._errors = Path(self._folder.name) / "errors"
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            )

    def ask(self, action: str, **options) -> Any:
        """Return what the worker answers to a request."""
        self._process.stdin.write(json.dumps({"action": action, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            reason = self._errors.read_text(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}: {reason}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self._name}, {action}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def peer_python(name: str, folder: Path = ENVIRONMENTS) -> Path:
    """Return the Python of the virtual environment of `peers/<name>.txt`, made where it is missing.

    Args:
        name: of the requirement file.
        folder: of the environments.

    Raises:
        PeerMissing: if its packages cannot be had.
    """
    requirements = PEERS / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    home = folder.resolve() / name
    python, mark = home / "bin" / "python", home / "installed"
    if mark.exists() and mark.read_text(encoding="utf-8") == digest:
        return python
    print(f"installing {name} into {home}", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    install = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    for command in ([sys.executable, "-m", "venv", home], [*install, "-r", requirements]):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1]
            raise PeerMissing(f"{name} cannot be installed: {reason}")
    mark.write_text(digest, encoding="utf-8")
    return python


def available_peers(names: list[str], folder: Path = ENVIRONMENTS) -> dict[str, Path]:
    """Return name -> Python of those peers that can be had, and print a line for each other."""
    found = {}
    for name in names:
        try:
            found[name] = peer_python(name, folder)
        except PeerMissing as missing:
            print(f"skipped: {missing}", flush=True)
    return found


def medians(actions: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Call all actions in turns, so that a slow moment of the machine meets all, and summarise.

    Args:
        actions: name -> what returns a time in seconds.
        repeats: turns.

    Returns:
        name -> the median.
    """
    times = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            times[name].append(action())
    return {name: float(np.median(values)) for name, values in times.items()}


def conclude(rows: list[dict], settings: dict, json_file: str | Path, decimals: int = 2) -> None:
    """Print the rows as a table and write them, the settings and the machine as JSON."""
    print(pd.DataFrame(rows).round(decimals).fillna("").to_string(index=False))
    result = {"machine": _machine(), **settings, "rows": rows}
    Path(json_file).parent.mkdir(parents=True, exist_ok=True)
    Path(json_file).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _machine() -> dict:
    """Return what was measured on, and when."""
    cpu = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), cpu)
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }
