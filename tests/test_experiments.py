"""Every experiment says how it is run, and can be asked."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "experiments"
EXPERIMENTS = sorted(FOLDER.glob("*.py"))

each_experiment = pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)


def _imported(path):
    spec = importlib.util.spec_from_file_location(f"experiments.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_experiments():
    assert EXPERIMENTS


@each_experiment
def test_the_docstring_has_the_command(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, "tell what is reproduced"
    assert f"python experiments/{path.name}" in docstring, "show the command"
    assert "--quick" in docstring, "tell how to see quickly that it runs"


@each_experiment
def test_help(path, monkeypatch, capsys):
    module = _imported(path)
    monkeypatch.setattr(sys, "argv", [path.name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: {path.name}")
    assert "--quick" in shown and "--out" in shown


@each_experiment
def test_an_unknown_option_is_refused(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [path.name, "--no-such-option"])
    with pytest.raises(SystemExit) as stopped:
        _imported(path).main()
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err
