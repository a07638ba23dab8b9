"""A predictor answers the same from a run, a SavedModel and a TensorFlow Lite file."""

import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf

import mtl_lowres as mtl
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import apply_temperature
from mtl_lowres.heads import Age, Identity, LinearSVM
from mtl_lowres.model import save_model
from mtl_lowres.serving.predictor import Predictor
from mtl_lowres.serving.tflite import export_tflite
from tests.toy_people import POSTURES, outputs_for, people_model, toy_trunk, write_image

SAMPLES = np.random.default_rng(0).random((5, 8, 8, 3), np.float32)
KINDS = ("model", "run", "saved", "lite")


@pytest.fixture(scope="module")
def sources(calibrated_model, calibrated_export, tmp_path_factory):
    folder = tmp_path_factory.mktemp("größe")
    save_model(calibrated_model, folder / "run" / "model")
    export_tflite(calibrated_model, folder / "lite", SAMPLES, ["float32"])
    return {
        "model": calibrated_model,
        "run": folder / "run",
        "saved": calibrated_export[0],
        "lite": folder / "lite" / "float32.tflite",
    }


@pytest.fixture(scope="module")
def predictors(sources):
    with toy_trunk():
        return {kind: Predictor(source) for kind, source in sources.items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Images of differing sizes, for which different temperatures hold, and one that is none."""
    folder, random = tmp_path_factory.mktemp("bilder"), np.random.default_rng(1)
    sizes = [(20, 30), (9, 8), (7, 40), (3, 3)]
    paths = [
        write_image(folder / f"ä {place}.png", random.integers(0, 255, (*size, 3), np.uint8))
        for place, size in enumerate(sizes)
    ]
    return [*paths[:2], folder / "gone.png", *paths[2:]]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_for_arrays(predictors, calibrated_model, kind):
    """Probabilities are at 8 x 8's temperature, 2."""
    outputs = calibrated_model(SAMPLES, training=False)
    expected = apply_temperature(outputs["posture"].numpy(), 2.0)
    answers = predictors[kind](SAMPLES)
    assert set(answers) == {f"posture_{name}" for name in ("probabilities", "class", "label")} | {
        "face_embedding"
    }
    assert answers["posture_probabilities"].dtype == np.float32
    np.testing.assert_allclose(answers["posture_probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(answers["face_embedding"], outputs["face"], atol=1e-5)
    np.testing.assert_array_equal(answers["posture_class"], expected.argmax(axis=1))
    assert answers["posture_label"].tolist() == [POSTURES[i] for i in expected.argmax(axis=1)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_files(predictors, calibrated_model, files, kind):
    """Each file is answered at the temperature of its own size."""
    good = [files[place] for place in (0, 1, 3, 4)]
    plain = np.concatenate([outputs_for(calibrated_model, [path])["posture"] for path in good])
    expected = apply_temperature(plain, [2.0, 2.0, 5.0, 5.0])
    table = predictors[kind].table(files)
    assert list(table.columns) == ["file", "posture", "posture confidence", "error"]
    assert table["file"].tolist() == [str(path) for path in files]
    assert table["error"].tolist() == ["", "", "no such file", "", ""]
    answered = table[table["error"] == ""]
    assert answered["posture"].tolist() == [POSTURES[i] for i in expected.argmax(axis=1)]
    np.testing.assert_allclose(answered["posture confidence"], expected.max(axis=1), rtol=1e-4)


def test_an_embedding_is_in_the_answers_alone(predictors, files):
    (answer,) = predictors["saved"].answers(files[0])
    assert answer["face"]["label"] == "embedding of 6 numbers"
    assert len(answer["face"]["embedding"]) == 6


def test_all_bad_files_keep_the_columns(predictors):
    table = predictors["run"].table(["gone.png"])
    assert list(table.columns) == ["file", "posture", "posture confidence", "error"]
    assert table["posture"].isna().all()


def test_other_heads_answer_the_same_from_a_tflite_file(tmp_path):
    heads = {"who": Identity(4, "am_softmax", embedding=5), "age": Age(), "scene": LinearSVM(3)}
    with toy_trunk():
        model = people_model(heads=heads)
    entry = {"size": [8, 8], "temperature": 3.0}
    model.description["calibration"] = {"temperature": {"scene": [entry]}}
    export_tflite(model, tmp_path / "lite", SAMPLES, ["float32"])
    ours, lite = Predictor(model), Predictor(tmp_path / "lite" / "float32.tflite")
    expected, answers = ours(SAMPLES), lite(SAMPLES)
    assert set(answers) == set(expected)
    for name, values in expected.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(answers[name], values, rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(answers[name], values)
    scores = model(SAMPLES, training=False)["scene"].numpy()
    calm = apply_temperature(tf.nn.softmax(scores).numpy(), 3.0)
    (answer, *_) = lite.answers([np.uint8(SAMPLES[0] * 255)])
    assert answer["scene"]["confidence"] == pytest.approx(calm[0].max(), abs=1e-2)
    assert answer["age"]["value"] == pytest.approx(expected["age_years"][0], abs=0.5)
    assert list(lite.table(SAMPLES).columns) == [
        *("sample", "who", "who confidence", "age (years)", "scene", "scene confidence", "error")
    ]


def test_nothing_is_traced_after_the_start(monkeypatch):
    traced = []

    class Counted(tf.keras.layers.Layer):
        def call(self, inputs):
            traced.append(1)
            return inputs

    def counting(input_shape):
        inputs = tf.keras.Input(input_shape, name="counting_input")
        x = Counted(name="counting_layer")(inputs)
        return tf.keras.Model(inputs, tf.keras.layers.Flatten(name="counting_flat")(x))

    monkeypatch.setitem(mtl.trunks.TRUNKS._entries, "counting", counting)
    predictor = Predictor(mtl.build_model("counting", {"age": Age("mse")}, (8, 8, 3)))
    before = len(traced)
    for count in (1, 2, 5, 1):
        assert predictor(SAMPLES[:count])["age_years"].shape == (count,)
    assert len(traced) == before > 0


def test_more_samples_than_one_call_takes(predictors, monkeypatch):
    predictor = predictors["run"]
    whole = predictor(SAMPLES)
    monkeypatch.setattr(predictor, "_at_once", 2)
    for name, values in predictor(SAMPLES).items():
        assert values.shape == whole[name].shape
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, whole[name], atol=1e-6)


def test_threads(predictors):
    predictor, found = predictors["lite"], {}
    alone = [predictor(sample[np.newaxis])["face_embedding"] for sample in SAMPLES]

    def ask(place):
        for _ in range(50):
            found[place] = predictor(SAMPLES[place : place + 1])["face_embedding"]
            assert (found[place] == alone[place]).all()

    threads = [threading.Thread(target=ask, args=[place]) for place in range(len(SAMPLES))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, expected in enumerate(alone):
        np.testing.assert_array_equal(found[place], expected)


@pytest.mark.parametrize("kind", ["run", "lite"])
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (SAMPLES[0], r"shape \(8, 8, 3\).*samples\[np.newaxis\]"),
        (SAMPLES[:0], "at least one"),
        ([], "at least one"),
        (SAMPLES[:, :4], r"\[n, 8, 8, 3\]"),
        (np.uint8(SAMPLES * 255), "uint8"),
        (SAMPLES * 255, "divide pixels"),
        (SAMPLES - 1, "range from -"),
        (np.where(SAMPLES > 0.5, np.nan, SAMPLES), "nan"),
    ],
)
def test_samples_that_cannot_be_used(predictors, kind, samples, message):
    with pytest.raises(InputError, match=message) as error:
        predictors[kind](samples)
    assert "\n" not in str(error.value)


def test_the_newest_version_is_taken(sources, tmp_path):
    for version in ("2", "10"):
        shutil.copytree(sources["saved"], tmp_path / version)
    (tmp_path / "2" / "saved_model.pb").write_bytes(b"")
    assert Predictor(tmp_path).tasks["posture"]["classes"] == POSTURES


def _copy(source, folder):
    if source.is_dir():
        return shutil.copytree(source, folder / "copy")
    return shutil.copytree(source.parent, folder / "copy") / source.name


@pytest.mark.parametrize(
    ("kind", "broken", "content", "message"),
    [
        ("saved", "labels.json", None, "another program"),
        ("saved", "labels.json", b"{", "cannot be read"),
        ("saved", "labels.json", b"[]", "does not tell"),
        ("saved", "labels.json", b"{}", "does not tell"),
        ("saved", "saved_model.pb", b"\x0a\xff\xff", "damaged SavedModel"),
        ("saved", "variables/variables.index", b"", "damaged SavedModel"),
        ("lite", "tflite.json", None, "keep both together"),
        ("lite", "tflite.json", b"[]", "does not tell"),
        ("lite", "float32.tflite", b"hello", "no .tflite file"),
        ("lite", "float32.tflite", b"\x1c\0\0\0TFL3\0", "no TensorFlow Lite model"),
    ],
)
def test_damaged_sources(sources, tmp_path, kind, broken, content, message):
    source = _copy(sources[kind], tmp_path)
    path = (source if source.is_dir() else source.parent) / broken
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        Predictor(source)
    assert "\n" not in str(error.value) and "copy" in str(error.value)


def test_a_description_of_another_network(sources, tmp_path):
    source = _copy(sources["lite"], tmp_path)
    text = source.with_name("tflite.json").read_text("utf-8")
    source.with_name("tflite.json").write_text(text.replace("posture", "action"), "utf-8")
    with pytest.raises(InputError, match="none of which is read for the task 'action'"):
        Predictor(source)


def test_what_is_no_source(sources, tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    for source, message in (
        (tmp_path / "gone", "is missing"),
        (tmp_path / "notes.txt", "no .tflite file"),
        (tmp_path, "holds no run"),
        (sources["lite"].parent, "name one, such as .*float32.tflite"),
    ):
        with pytest.raises(InputError, match=message) as error:
            Predictor(source)
        assert "\n" not in str(error.value)
