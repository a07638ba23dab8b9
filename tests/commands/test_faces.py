"""verify and build, through the command line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.manifest import write_manifest
from mtl_lowres.datasets.pairs import pair_manifest, read_pairs
from mtl_lowres.evaluation.verification import verification_metrics


def _run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Three images each of four people, who differ in colour, and pairs of them in two folds."""
    folder, rng = tmp_path_factory.mktemp("Gesichter ü"), np.random.default_rng(0)
    colours = rng.integers(40, 215, (4, 3))
    for person, colour in enumerate(colours):
        for number in range(3):
            image = np.clip(colour + rng.normal(0, 12, (12, 12, 3)), 0, 255).astype(np.uint8)
            name = folder / f"{person} {number}.png"
            name.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    rows = [
        (f"{a} {i}.png", f"{b} {j}.png", int(a == b), 1 + a // 2)
        for a, i, b, j in [
            *((person, 0, person, number) for person in range(4) for number in (1, 2)),
            *((person, number, person ^ 1, 1) for person in range(4) for number in (0, 1)),
        ]
    ]
    csv = folder / "pairs.csv"
    pd.DataFrame(rows, columns=["first", "second", "same", "fold"]).to_csv(csv, index=False)
    return csv


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("Modell ü") / "built"
    result = folder.with_name("b.json")
    done = _run("build", "lownet", folder, "--degrade", "area(8)", "--json", result)
    assert done.exit_code == 0, done.output
    assert json.loads(result.read_text())["model"] == str(folder)
    return folder


def test_verify_writes_scores_and_page(faces, model, tmp_path):
    out = tmp_path / "out ö"
    done = _run("verify", model, "--dataset", "pairs", "--data", faces, "--out", out)
    assert done.exit_code == 0, done.output
    assert "16 pairs, 2 folds" in done.output and "2fold_accuracy" in done.output
    assert "too few pairs of two people" in done.output
    table = pd.read_csv(out / "scores.csv")
    pairs = read_pairs(faces)
    assert list(table) == ["path_a", "path_b", "same", "fold", "score"]
    assert table["path_a"].tolist() == pairs["path"].tolist()[::2]
    assert table["path_b"].tolist() == pairs["path"].tolist()[1::2]
    assert table["same"].tolist() == pairs["same"].tolist()[::2]
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    expected = verification_metrics(table["score"], table["same"], table["fold"])
    assert metrics["figures"]["auc"] == pytest.approx(expected["auc"])
    assert metrics["settings"]["embedding"] == "identity"
    assert (out / "verification.html").stat().st_size > 100_000

    (out / "notes.txt").write_text("mine")
    done = _run("verify", model, "--dataset", "pairs", "--data", faces, "--out", out)
    assert done.exit_code == 2 and "holds 'notes.txt'" in done.stderr


def test_verify_by_joint_bayes(model, tmp_path, monkeypatch):
    """The network's part is replaced: eight people in two folds, whose embeddings are known."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 2)) * 4
    first = [(person, image) for person in range(8) for image in (0, 1)]
    second = [(p, 1) if image == 0 else ((p + 2) % 8, 0) for p, image in first]
    pairs = pair_manifest(
        *([f"{p} {image}.png" for p, image in side] for side in (first, second)),
        same=[1, 0] * 8,
        folds=[p % 2 + 1 for p, _ in first],
    ).assign(subject=[f"person {p}" for pair in zip(first, second, strict=True) for p, _ in pair])
    values = {path: centres[int(path[0])] + rng.normal(size=2) for path in set(pairs["path"])}

    def embed(network, manifest, degrade, *, mirrored, **options):
        assert mirrored == "mean"
        return np.arange(len(manifest)), np.array([values[Path(p).name] for p in manifest["path"]])

    monkeypatch.setattr("mtl_lowres.training.embed.embed", embed)
    manifest, out = tmp_path / "pairs.csv", tmp_path / "out"
    write_manifest(pairs, manifest)
    done = _run("verify", model, "--manifest", manifest, "--metric", "joint_bayes", "--out", out)
    assert done.exit_code == 0, done.output
    assert "16 pairs, 2 folds, joint Bayes, learned on the other folds' people" in done.output
    table = pd.read_csv(out / "scores.csv")
    right = (table["score"] >= table["threshold"]) == (table["same"] == 1)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["figures"]["2fold_accuracy"] == pytest.approx(right.mean())
    assert metrics["settings"]["metric"] == "joint_bayes"


def test_bad_pairs_end_in_one_line_before_the_network_runs(faces, model, tmp_path, monkeypatch):
    monkeypatch.setattr("mtl_lowres.training.embed.embed", None)
    csv = tmp_path / "one kind.csv"
    pairs = read_pairs(faces)
    write_manifest(pairs[(pairs["same"] == 1) | (pairs["fold"] == 1)], csv)
    images = tmp_path / "images.csv"
    write_manifest(pairs[["path"]], images)
    for arguments, message in (
        (["--manifest", csv], "fold 2 has only pairs of one person"),
        (["--manifest", images], "no column 'pair'"),
        (["--dataset", "pairs", "--data", tmp_path / "gone.csv"], "gone.csv: cannot be read"),
        (["--dataset", "pairs", "--data", faces, "--split", "test"], "has no such rows"),
        (
            ["--dataset", "pairs", "--data", faces, "--metric", "joint_bayes"],
            "the manifest has no column 'subject'",
        ),
        (["--dataset", "pairs", "--data", faces, "--task", "face"], "there is no task 'face'"),
        (["--dataset", "lfw", "--data", tmp_path], "give the folder of LFW"),
        ([], "give --manifest FILE.csv"),
    ):
        done = _run("verify", model, *arguments, "--out", tmp_path / "out")
        assert done.exit_code == 2, done.output
        assert message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


_LFW_PAIRS = "2 1\nÄnn\t1\t2\nÄnn\t1\tBob\t1\nCid\t1\t2\nCid\t1\tDee\t1\n"
_POINTS = "8,9,16,9,12,13,9,17,15,17"


@pytest.mark.parametrize(
    ("pairs", "points", "message"),
    [
        (_LFW_PAIRS.replace("Dee", "Deee"), _POINTS, "pairs.txt line 5: there is no person 'Deee'"),
        (
            _LFW_PAIRS.replace("Cid\t1\t2", "Cid\t1\t7"),
            _POINTS,
            "line 4: there is no image Cid/Cid_",
        ),
        (_LFW_PAIRS.replace("Cid\t1\tDee", "Dee\t1"), _POINTS, "fold 2 (lines 4 to 5) has 2 pairs"),
        (_LFW_PAIRS, _POINTS[:16], "landmarks.csv line 2: 'Bob/Bob_0001.jpg,8,9,16"),
        (_LFW_PAIRS, "nan" + _POINTS[1:], "landmarks.csv line 2: 'Bob/Bob_0001.jpg,nan"),
    ],
)
def test_lfw_that_does_not_hold_together(model, tmp_path, pairs, points, message):
    folder, out, chips = (tmp_path / name for name in ("lfw", "out", "chips"))
    names = [f"{who}/{who}_000{k}.jpg" for who in ("Änn", "Bob", "Cid", "Dee") for k in (1, 2)]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    (folder / "pairs.txt").write_text(pairs, encoding="utf-8")
    lines = f"Änn/Änn_0001.jpg,{_POINTS}\nBob/Bob_0001.jpg,{points}\n"
    (folder / "landmarks.csv").write_text(lines, encoding="utf-8")
    options = ["--option", f"aligned={chips}", "--out", out]
    done = _run("verify", model, "--dataset", "lfw", "--data", folder, *options)
    assert done.exit_code == 2, done.output
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not out.exists() and not chips.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'first'"),
        ("first,second\na,b\n", "has no column 'same'"),
        ("first,second,same\n0 0.png,0 1.png,nan\n", "line 2: same is 'nan'"),
        ("first,second,same\n0 0.png,gone.png,1\n", "line 2: there is no file"),
    ],
)
def test_pairs_that_cannot_be_read(faces, model, tmp_path, text, message):
    csv = faces.with_name("schlecht.csv")
    csv.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    done = _run("verify", model, "--dataset", "pairs", "--data", csv, "--out", out)
    assert done.exit_code == 2, done.output
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonet", "--degrade", "area(8)"], "unknown trunk 'nonet'"),
        (["lownet", "--degrade", "noise(0.1)"], "does not fix the size"),
        (["lownet", "--degrade", "areas(8)"], "areas"),
        (["lownet(weight=1)", "--degrade", "area(8)"], "has no option 'weight'"),
    ],
)
def test_models_that_cannot_be_built(tmp_path, arguments, message):
    done = _run("build", arguments[0], tmp_path / "m", *arguments[1:])
    assert done.exit_code == 2 and message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "m").exists()
