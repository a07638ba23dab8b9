"""The command line: results as files, errors as one line, help without TensorFlow."""

import json
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.manifest import write_manifest


def _run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def manifest_csv(bars, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "bars.csv"
    write_manifest(bars, path)
    return path


@pytest.fixture(scope="module")
def run_dir(manifest_csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run é"
    options = [
        "--degrade",
        "area(8)",
        "--epochs",
        2,
        "--optimizer",
        "adam",
        "--json",
        out / "r.json",
    ]
    done = _run("train", "--manifest", manifest_csv, "--out", out, *options)
    assert done.exit_code == 0, done.output
    assert "macro_f1" in done.output
    return out


def test_help_does_not_import_tensorflow():
    program = (
        "import sys; from mtl_lowres.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'pandas', 'plotly', 'cv2'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize("command", list(main.commands))
def test_every_command_has_help_with_an_example(command):
    done = _run(command, "--help")
    assert done.exit_code == 0
    assert "Example: mtl-lowres" in done.output


def test_train_leaves_its_result_as_json(run_dir):
    assert "test" in json.loads((run_dir / "r.json").read_text())["splits"]


def test_evaluate(run_dir, manifest_csv, tmp_path):
    result = tmp_path / "e.json"
    done = _run(
        "evaluate", run_dir, "--manifest", manifest_csv, "--split", "test", "--json", result
    )
    assert done.exit_code == 0, done.output
    trained = json.loads((run_dir / "metrics.json").read_text())["splits"]["test"]["posture"]
    measured = json.loads(result.read_text())["splits"]["test"]["posture"]
    assert measured["macro_f1"] == pytest.approx(trained["macro_f1"])


def test_evaluate_refuses_images_of_another_size(run_dir, manifest_csv):
    done = _run("evaluate", run_dir, "--manifest", manifest_csv, "--degrade", "area(9)")
    assert done.exit_code == 2 and "'area(9)' gives images of (9, 9)" in done.output


def test_predict_answers_good_files_and_names_bad_ones(run_dir, bars, tmp_path):
    bad = tmp_path / "kaputt ü.jpg"
    bad.write_bytes(b"hello")
    done = _run("predict", run_dir, "--json-lines", bars["path"][0], bad, tmp_path / "gone.png")
    assert done.exit_code == 3
    good, broken, gone = map(json.loads, done.stdout.splitlines())
    assert good["posture"]["label"] in bars.attrs["classes"]["posture"]
    assert broken["ok"] is False and "not an image" in broken["error"]
    assert gone["error"] == "no such file"


def test_export_and_report(run_dir, tmp_path):
    assert _run("export", run_dir, tmp_path / "served").exit_code == 0
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()
    (run_dir / "report.html").unlink()
    assert _run("report", run_dir).exit_code == 0
    assert (run_dir / "report.html").stat().st_size > 100_000


def test_manifest_check_names_bad_files(bars, tmp_path):
    bad = tmp_path / "leer.png"
    bad.touch()
    rows = pd.concat([bars.head(3), bars.head(1).assign(path=str(bad))], ignore_index=True)
    write_manifest(rows, tmp_path / "m.csv")
    done = _run(
        "manifest", "--manifest", tmp_path / "m.csv", "--check", "--json", tmp_path / "r.json"
    )
    assert done.exit_code == 3
    (row,) = json.loads((tmp_path / "r.json").read_text())["bad_files"]
    assert row["path"] == str(bad) and "empty file" in row["reason"]


def test_settings_of_something_else_are_refused(tmp_path):
    (tmp_path / "c.json").write_text("[1]")
    done = _run("train", "--config", tmp_path / "c.json", "--out", tmp_path / "r")
    assert done.exit_code == 2
    assert "c.json is not the config.json of a run" in done.stderr


@pytest.mark.parametrize(
    ("kind", "name"), [("trunks", "lownet"), ("clip_samplings", "uniform"), ("heads", "embedding")]
)
def test_list(kind, name):
    done = _run("list", kind)
    assert done.exit_code == 0 and name in done.output.split()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--out", "x"], "give --manifest"),
        (["train", "--manifest", "gone.csv", "--out", "x"], "gone.csv"),
        (["train", "--dataset", "tip83", "--data", ".", "--out", "x"], "did you mean 'tip38'"),
        (["predict", "no-run", "a.jpg"], "no-run"),
        (["report", "no-run"], "not a run folder"),
        (["export", "no-run", "x"], "no-run"),
    ],
)
def test_errors_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = _run(*arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("mtl-lowres: ") and message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        (["trian"], "no such command 'trian'. (Did you mean one of: 'train'", ""),
        (["--verison"], "no such option '--verison'. Did you mean '--version'?", ""),
        (
            ["train", "--epohcs", "3"],
            "no such option '--epohcs'. (Did you mean one of: '--epochs'",
            "train",
        ),
        (["train", "--epochs", "x"], "'--epochs': 'x' is not a valid integer.", "train"),
        (["train", "--out"], "option '--out' requires an argument.", "train"),
        (["train"], "missing option '--out'.", "train"),
        (["export", "a"], "missing argument 'DIRECTORY'.", "export"),
        (["export", "a", "b", "c"], "got unexpected extra argument (c)", "export"),
        (["list", "trunsk"], "'trunsk' is not one of 'trunks'", "list"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help(arguments, message, command):
    done = _run(*arguments)
    assert done.exit_code == 2 and not done.stdout
    (line,) = done.stderr.strip().splitlines()
    help_of = f"mtl-lowres {command}".strip()
    assert line.startswith("mtl-lowres: ") and line.endswith(f" See '{help_of} --help'.")
    assert message in line


def test_no_command_is_answered_with_the_help():
    done = _run()
    assert done.output.startswith("Usage: mtl-lowres [OPTIONS] COMMAND") and "train" in done.output


def test_unusable_train_options_are_named(manifest_csv, tmp_path):
    for option, value in [("--trunk", "lowmet"), ("--degrade", "aera(16)"), ("--optimizer", "x")]:
        done = _run("train", "--manifest", manifest_csv, "--out", tmp_path / "r", option, value)
        assert done.exit_code == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert value.split("(")[0] in done.stderr
