"""A folder of ugly files goes through check, training, prediction and the exported bytes."""

import json

import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.manifest import write_manifest
from tests.ugly_files import write_ugly_files


def _run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def ugly(tmp_path_factory):
    """(paths by name, name -> whether it decodes, manifest CSV with the bars beside them)."""
    folder = tmp_path_factory.mktemp("ugly") / "häßliche Bilder"
    decodes = write_ugly_files(folder)
    return {name: folder / name for name in decodes}, decodes


@pytest.fixture(scope="module")
def trained(ugly, bars, tmp_path_factory):
    paths, _ = ugly
    folder = tmp_path_factory.mktemp("ugly run")
    rows = [(str(path), "p0", "train", number % 4) for number, path in enumerate(paths.values())]
    good = bars[bars["split"] == "train"]
    table = pd.concat([good, pd.DataFrame(rows, columns=bars.columns)], ignore_index=True)
    table["posture"] = table["posture"].astype("Int64")
    write_manifest(table, folder / "ugly.csv")
    options = ["--degrade", "area(8)", "--epochs", 1, "--val", 0, "--bad-file-budget", 0.5]
    done = _run("train", "--manifest", folder / "ugly.csv", "--out", folder / "run", *options)
    assert done.exit_code == 0, done.output
    return folder


def _bad(decodes):
    return sorted(name for name, good in decodes.items() if not good)


def test_check_names_each_bad_file(ugly, trained):
    _, decodes = ugly
    done = _run(
        *("manifest", "--manifest", trained / "ugly.csv", "--check"),
        *("--bad-files", trained / "bad.csv"),
    )
    assert done.exit_code == 3
    names = [path.rsplit("/", 1)[-1] for path in pd.read_csv(trained / "bad.csv")["path"]]
    assert sorted(names) == _bad(decodes)


def test_training_skips_and_lists_them(ugly, trained):
    _, decodes = ugly
    listed = pd.read_csv(trained / "run" / "bad_files.csv")
    assert sorted(path.rsplit("/", 1)[-1] for path in listed["path"]) == _bad(decodes)
    assert listed["reason"].str.len().gt(0).all()
    figures = json.loads((trained / "run" / "metrics.json").read_text())
    assert figures["bad_files"] == len(listed)


def test_predict_answers_the_rest(ugly, trained):
    paths, decodes = ugly
    done = _run("predict", trained / "run", *paths.values(), "--json-lines")
    assert done.exit_code == 3
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["ok"] for answer in answers] == list(decodes.values())
    assert all(answer["error"] for answer in answers if not answer["ok"])


def test_exported_bytes_answer_the_rest(ugly, trained):
    paths, decodes = ugly
    assert _run("export", trained / "run", trained / "served").exit_code == 0
    serve = tf.saved_model.load(str(trained / "served" / "1")).signatures["image_bytes"]
    present = {name: path for name, path in paths.items() if path.exists()}
    items = tf.constant([path.read_bytes() for path in present.values()])
    answers = serve(image_bytes=items)
    assert list(answers["ok"].numpy()) == [decodes[name] for name in present]


def test_without_a_budget_training_stops_in_one_line(trained):
    done = _run("train", "--manifest", trained / "ugly.csv", "--out", trained / "strict")
    assert done.exit_code == 2
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("mtl-lowres:")]
    assert "files cannot be used" in line
