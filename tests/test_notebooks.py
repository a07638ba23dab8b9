"""Every notebook runs from top to bottom in its short mode and is committed without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests import lean

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# What a notebook cannot do without, below the folder of the real data.
NEEDED_DATA = {"mtdnn_utkface": ("utkface", "weights/face_resnet")}

# Run by the kernel before the first cell, to which it leaves no names.
STARTUP = f"import runpy\nrunpy.run_path({lean.__file__!r})['make_lean']()\ndel runpy\n"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def short_mode(path, request, monkeypatch, tmp_path):
    """Environment of the kernel: short, nothing of the user's is read, real data only if needed."""
    monkeypatch.setenv("MTL_LOWRES_SHORT", "1")
    if path.stem in NEEDED_DATA:
        data = request.getfixturevalue("data_dir")
        for folder in NEEDED_DATA[path.stem]:
            if not (data / folder).is_dir():
                pytest.skip(f"MTL_LOWRES_DATA has no folder {folder}, which this notebook reads")
        monkeypatch.setenv("MTL_LOWRES_DATA", str(data))
    else:
        monkeypatch.delenv("MTL_LOWRES_DATA", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    # A kernel called python3 in the user's own folder may be another Python.
    for variable in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        folder = tmp_path / variable.lower()
        folder.mkdir()
        monkeypatch.setenv(variable, str(folder))
    startup = tmp_path / "ipythondir" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "lean.py").write_text(STARTUP)


def test_there_are_notebooks():
    assert NOTEBOOKS


@each_notebook
def test_it_runs_in_short_mode(path, short_mode, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(work)}}).execute()
    assert any(work.iterdir()), "it leaves its files in the folder that it runs in"


@each_notebook
def test_it_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [], f"clear the outputs of cell {cell.id}"
            assert cell.execution_count is None, f"clear the execution count of cell {cell.id}"
