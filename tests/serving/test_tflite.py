"""TensorFlow Lite files answer what the network answers, within what is written beside them."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Posture
from mtl_lowres.heads.age_methods import METHODS
from mtl_lowres.model import build_model, save_model
from mtl_lowres.registry import TRUNKS
from mtl_lowres.serving.lite_model import LiteModel
from mtl_lowres.serving.tflite import KINDS, export_tflite

SHAPE = (4, 8, 8, 3)
SAMPLES = np.random.default_rng(0).random((12, *SHAPE), np.float32)


def _recurrent(input_shape):
    clip = tf.keras.Input(input_shape, name="recurrent_clip")
    x = tf.keras.layers.Reshape((input_shape[0], -1), name="recurrent_frames")(clip)
    gru = tf.keras.layers.GRU(4, name="recurrent_gru")
    x = tf.keras.layers.Bidirectional(gru, name="recurrent_both_ways")(x)
    return tf.keras.Model(clip, x)


@pytest.fixture(scope="module")
def model():
    """A network of clips with a recurrent layer and two heads."""
    tf.keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRUNKS._entries, "recurrent", _recurrent)
        heads = {"posture": Posture(3), "age": Age("mse")}
        names = {"posture": ["stand", "sit", "lie ✓"]}
        options = {"class_names": names, "degrade": "area(8)", "clip": "uniform(4)"}
        yield build_model("recurrent", heads, SHAPE, **options)


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    """Folder and figures of all kinds."""
    folder = tmp_path_factory.mktemp("größe") / "lite"
    return folder, export_tflite(model, folder, SAMPLES)


@pytest.mark.parametrize(("kind", "tolerance"), zip(KINDS, (1e-5, 1e-3, 2e-2, 5e-2), strict=True))
def test_a_file_answers_what_the_network_answers(model, made, kind, tolerance):
    folder, figures = made
    answers = LiteModel(folder / f"{kind}.tflite")(SAMPLES)
    outputs = model(SAMPLES, training=False)
    expected = {"posture_probabilities": outputs["posture"], "age_years": outputs["age"][:, 0]}
    assert set(answers) == set(expected)
    for name, values in expected.items():
        difference = np.abs(answers[name] - values.numpy())
        assert difference.max() < (20 * tolerance if name == "age_years" else tolerance)
        noted = figures[kind]["outputs"][name]
        assert noted["max"] == pytest.approx(difference.max(), abs=1e-6)
        assert noted["mean"] == pytest.approx(difference.mean(), abs=1e-6)
    assert figures[kind]["bytes"] == (folder / f"{kind}.tflite").stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_built_in_operations_alone_and_integers_at_both_ends_of_int8(made, kind):
    interpreter = tf.lite.Interpreter(str(made[0] / f"{kind}.tflite"))
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not [name for name in names if name.startswith(("Flex", "CUSTOM"))]
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    assert {end["dtype"] for end in ends} == {np.int8 if kind == "int8" else np.float32}


def test_the_smaller_kinds_are_smaller(made):
    sizes = [made[1][kind]["bytes"] for kind in ("float32", "float16", "dynamic")]
    assert sizes == sorted(sizes, reverse=True)


def test_what_a_program_must_know_stands_beside_the_files(made):
    noted = json.loads((made[0] / "tflite.json").read_text("utf-8"))
    assert noted["degrade"] == "area(8)" and noted["clip"] == "uniform(4)"
    assert noted["tasks"] == {
        "posture": {"classes": ["stand", "sit", "lie ✓"]},
        "age": {"unit": "years"},
    }
    assert noted["calibration"] == {}
    assert set(noted["differences_to_keras"]) == set(KINDS)


def test_no_sample_no_answer(made):
    answers = LiteModel(made[0] / "float32.tflite")(SAMPLES[:0])
    assert answers["posture_probabilities"].shape == (0, 3) and answers["age_years"].shape == (0,)


@pytest.mark.parametrize(
    ("samples", "kinds", "message"),
    [
        (SAMPLES, ["float8"], "float8"),
        (SAMPLES, [], "give some of"),
        (SAMPLES[:0], ["float32"], "at least one of"),
        (SAMPLES[:, :2], ["float32"], r"\(12, 2, 8, 8, 3\)"),
    ],
)
def test_what_cannot_be_used_leaves_no_folder(model, tmp_path, samples, kinds, message):
    with pytest.raises(InputError, match=message):
        export_tflite(model, tmp_path / "lite", samples, kinds)
    assert not any(tmp_path.iterdir())


def test_other_files_are_not_replaced(model, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        export_tflite(model, tmp_path, SAMPLES, ["float32"])
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_files_that_are_no_networks(made, tmp_path):
    broken = tmp_path / "a.tflite"
    broken.write_bytes((made[0] / "float32.tflite").read_bytes()[:100])
    for path, message in ((broken, "no TensorFlow Lite model"), (tmp_path / "b", "cannot be read")):
        with pytest.raises(InputError, match=message) as error:
            LiteModel(path)
        assert "\n" not in str(error.value)


def test_the_command_measures_kinds_on_labelled_rows(tmp_path):
    tf.keras.utils.set_random_seed(0)
    save_model(
        build_model("lownet", {"posture": Posture(2)}, (8, 8, 3), degrade="area(8)"), tmp_path / "m"
    )
    rng = np.random.default_rng(0)
    rows = []
    for number in range(6):
        path = tmp_path / f"{number}.png"
        path.write_bytes(cv2.imencode(".png", rng.integers(0, 255, (16, 16, 3), np.uint8))[1])
        rows.append({"path": path.name, "posture": number % 2, "split": "val"})
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    command = ["tflite", str(tmp_path / "m"), str(tmp_path / "lite"), "--kinds", "float32, dynamic"]
    command += ["--manifest", str(tmp_path / "a.csv"), "--split", "val", "--figures"]
    done = CliRunner().invoke(main, [*command, "--json", str(tmp_path / "a.json")])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "lite").iterdir()) == [
        "dynamic.tflite",
        "float32.tflite",
        "tflite.json",
    ]
    kinds = json.loads((tmp_path / "a.json").read_text())["kinds"]
    keras = [line.split() for line in done.output.splitlines() if line.split()[:1] == ["keras"]]
    figures = {line["metric"]: line["value"] for line in kinds["float32"]["figures"]}
    assert figures == pytest.approx({line[2]: float(line[3]) for line in keras}, abs=1e-4)


def test_ages_by_every_method(tmp_path):
    heads = {f"age_{method}": Age(method) for method in METHODS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRUNKS._entries, "recurrent", _recurrent)
        model = build_model("recurrent", heads, SHAPE, degrade="area(8)", clip="uniform(4)")
    figures = export_tflite(model, tmp_path / "lite", SAMPLES, ["float32"])["float32"]
    years = {name: of for name, of in figures["outputs"].items() if name.endswith("_years")}
    assert {name.removesuffix("_years") for name in years} >= set(heads)
    assert max(difference["max"] for difference in years.values()) < 1e-3
