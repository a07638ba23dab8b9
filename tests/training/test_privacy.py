"""A useful network and an attacker, from the command line to the page."""

import json

import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.manifest import write_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.training import privacy
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.privacy import known_people, measure_privacy, recipe_at

USEFUL = TrainConfig(tasks=("posture",), trunk="cnn3", degrade="area(8)")
ATTACKER = TrainConfig(tasks=("identity",), trunk="cnn3", degrade="area(8)")


def test_from_the_command_line_to_the_page(bars, tmp_path):
    write_manifest(bars, tmp_path / "bars.csv")
    out = tmp_path / "leak é"
    arguments = ["privacy", "--manifest", tmp_path / "bars.csv", "--out", out, "--sizes", 4]
    arguments += ["--person", "subject", "--trunk", "cnn3", "--epochs", 1, "--seeds", 1]
    arguments += ["--folds", 2, "--val", 0, "--degrade", "area(8)", "--json", tmp_path / "r.json"]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    assert "rank1_unseen_posture" in done.output and "4x4" in done.output

    table = pd.read_csv(out / "privacy.csv")
    assert table["height"].tolist() == [4, 4] and table["seed"].tolist() == ["0", "all"]
    assert (table["posture_macro_f1_chance"] == 0.25).all()
    assert table["rank1_unseen_posture_chance"].to_numpy() == pytest.approx(1 / 6)
    assert (out / "privacy.html").read_text(encoding="utf-8").count("seed-0/report.html") == 2
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["people"] == 6 and result["duplicates"]["copies"] == 0

    config = json.loads((out / "4x4" / "attack" / "seed-0" / "config.json").read_text())
    assert config["settings"]["degrade"] == "area(4, 4)|bicubic(8, 8)|area(8)"
    rows = pd.read_csv(out / "4x4" / "attack" / "seed-0" / "manifest.csv")
    assert (rows.groupby("posture")["split"].nunique() == 1).all()
    assert rows.groupby("split")["posture"].nunique().to_dict() == {"test": 2, "train": 2}
    # The figure is that of the run's own answers.
    answers = pd.read_csv(out / "4x4" / "attack" / "seed-0" / "predictions.csv")
    answers = answers[answers["split"] == "test"]
    right = (answers["identity_truth"] == answers["identity_prediction"]).mean()
    assert table["rank1_unseen_posture"][0] == pytest.approx(right)
    trained = json.loads((out / "4x4" / "posture" / "seed-0" / "metrics.json").read_text())
    figures = trained["splits"]["test"]["posture"]
    assert table["posture_macro_f1"][0] == pytest.approx(figures["macro_f1"])


def test_every_seed_has_its_fold(bars, tmp_path, monkeypatch):
    """The networks' answers are replaced: the useful one is right, the attacker says p0."""
    tested = []

    def answer(config, manifest, run_dir, **options):
        task = config.tasks[0]
        names = manifest.attrs["classes"][task]
        rows = manifest[manifest["split"] == "test"]
        truth = [names[label] for label in rows[task]]
        given = truth if task == "posture" else ["p0"] * len(rows)
        tested.append((task, config.seed, tuple(sorted(rows["posture"].unique()))))
        run_dir.mkdir(parents=True)
        table = rows[["path", "split"]].assign(
            **{f"{task}_truth": truth, f"{task}_prediction": given}
        )
        table.to_csv(run_dir / "predictions.csv", index=False)

    monkeypatch.setattr(privacy, "train", answer)
    result = measure_privacy(
        USEFUL, ATTACKER, bars, tmp_path, [(8, 8)], person="subject", folds=3, val=0.2
    )
    attacked = [postures for task, _, postures in tested if task == "identity"]
    assert [seed for task, seed, _ in tested if task == "posture"] == [0, 1, 2]
    assert len(attacked) == 3 and len(set(attacked)) == 3
    (point,) = result["points"]
    assert point["useful"]["value"] == 1 and point["useful"]["std"] == 0
    assert point["leak"]["value"] == pytest.approx(1 / 6)
    assert point["leak"]["majority"] == pytest.approx(1 / 6)
    assert point["leak"]["groups"] == 3
    assert tuple(result["chance_size"]) == (8, 8)
    assert "From 8x8 pixels down" in result["conclusion"]


def test_the_people_of_an_attacker():
    table = pd.DataFrame(
        {
            "subject": ["b", "a", "c", "c"],
            "identity": pd.array([1, 0, None, None], "Int64"),
            "split": ["train", "train", "test", "test"],
        }
    )
    rows = known_people(table)
    assert rows["identity"].tolist() == [1, 0] and "split" not in rows
    assert rows.attrs["classes"] == {"identity": ["a", "b"]}
    assert known_people(table, "subject")["identity"].tolist() == [1, 0, 2, 2]
    with pytest.raises(InputError, match="'identity' is filled in for 1 people"):
        known_people(table[1:])


def test_a_small_image_is_enlarged_to_what_the_network_sees():
    recipe = recipe_at((4, 4), "area", "area(16)|gray()")
    image = tf.random.stateless_uniform([16, 16, 3], [0, 1])
    alone = parse_recipe("area(4)|bicubic(16)|gray()")(image)
    assert (parse_recipe(recipe)(image).numpy() == alone.numpy()).all()
    whole = parse_recipe(recipe_at((16, 16), "area", "area(16)|gray()"))(image)
    assert (whole.numpy() == parse_recipe("gray()")(image).numpy()).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [(16, 16)], "person": "subject"}, r"degrade='area\(8\)' cannot be shown 16x16"),
        ({"apart": "day", "person": "subject"}, "no column 'day'"),
        ({}, "no column 'identity'"),
        ({"person": "subject", "seeds": 0}, "seeds=0"),
        ({"person": "subject", "folds": 4}, "too few for 1"),
        ({"person": "subject", "attacker": USEFUL}, "of the attacker"),
        (
            {
                "person": "subject",
                "useful": TrainConfig(tasks=("posture", "age"), degrade="area(8)"),
            },
            "of the useful network",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_training(bars, tmp_path, change, message):
    options = {"useful": USEFUL, "attacker": ATTACKER, "sizes": [(8, 8)]} | change
    with pytest.raises(InputError, match=message):
        measure_privacy(manifest=bars, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_useful_task_needs_test_people(bars, tmp_path):
    for rows in (bars.drop(columns="split"), bars[bars["split"] == "train"]):
        with pytest.raises(
            InputError, match="no row of the manifest has the split 'test' and a label"
        ):
            measure_privacy(USEFUL, ATTACKER, rows, tmp_path, [(8, 8)], person="subject")
