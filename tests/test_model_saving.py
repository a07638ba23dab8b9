import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Identity, Posture
from mtl_lowres.model import MultiTaskModel, build_model, load_model, save_model

SHAPE = (8, 8, 3)
COUNT = 12
IMAGES = np.random.default_rng(0).random((COUNT, *SHAPE), np.float32)
LABELS = {"posture": np.arange(COUNT) % 4, "identity": np.arange(COUNT) % 3}


def _two_tasks(**options):
    heads = {"posture": Posture(4), "identity": Identity(3)}
    return build_model("lownet", heads, SHAPE, **options)


@pytest.fixture
def saved(tmp_path):
    model = _two_tasks(class_names={"posture": ["a", "b", "ç", "d"]}, degrade="area(8)")
    save_model(model, tmp_path / "größe 1")
    return model, tmp_path / "größe 1"


def _edit(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


class TestSaveAndLoad:
    def test_round_trip(self, saved):
        model, folder = saved
        loaded = load_model(folder)
        for task in model.heads:
            np.testing.assert_array_equal(loaded(IMAGES)[task], model(IMAGES)[task])
        assert loaded.description == model.description
        assert loaded.class_names == {"posture": ["a", "b", "ç", "d"]}
        assert {"mtl_lowres", "tensorflow"} <= set(loaded.description["versions"])
        assert sorted(p.name for p in folder.iterdir()) == ["model.json", "weights.npz"]
        assert [p.name for p in folder.parent.iterdir()] == [folder.name]

    def test_a_trained_model(self, tmp_path):
        model = _two_tasks()
        model.compile(run_eagerly=True)
        model.fit(IMAGES, LABELS, verbose=0)
        save_model(model, tmp_path / "m")
        loaded = load_model(tmp_path / "m")
        loaded.compile(run_eagerly=True)
        arguments = {"batch_size": COUNT, "verbose": 0, "return_dict": True}
        assert loaded.evaluate(IMAGES, LABELS, **arguments) == pytest.approx(
            model.evaluate(IMAGES, LABELS, **arguments)
        )

    def test_head_options_are_kept(self, tmp_path):
        heads = {"pose": Posture(4, loss="focal", gamma=3, label_smoothing=0.1, paper_exact=True)}
        save_model(build_model("lownet", heads, SHAPE), tmp_path / "m")
        assert load_model(tmp_path / "m").heads["pose"].get_config() == heads["pose"].get_config()

    def test_the_name_of_a_model_in_memory_does_not_matter(self, tmp_path):
        """Keras numbers unnamed layers through a process; a saved name must not depend on it."""
        _two_tasks()
        save_model(_two_tasks(), tmp_path / "m")
        tf.keras.backend.clear_session()
        load_model(tmp_path / "m")

    def test_replaces_an_earlier_model(self, saved):
        _, folder = saved
        save_model(build_model("lenet", {"posture": Posture(4)}, SHAPE), folder)
        assert load_model(folder).description["trunk"] == "lenet"

    def test_a_failure_keeps_the_earlier_model(self, saved, monkeypatch):
        model, folder = saved

        def disk_full(*_, **__):
            raise OSError("No space left on device")

        monkeypatch.setattr(np, "savez", disk_full)
        with pytest.raises(OSError, match="No space"):
            save_model(_two_tasks(), folder)
        np.testing.assert_array_equal(
            load_model(folder)(IMAGES)["posture"], model(IMAGES)["posture"]
        )
        assert [p.name for p in folder.parent.iterdir()] == [folder.name]

    def test_does_not_replace_what_is_no_model(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("months of work")
        with pytest.raises(InputError, match="holds 'thesis.tex'.*another folder"):
            save_model(_two_tasks(), tmp_path)
        with pytest.raises(InputError, match="is a file"):
            save_model(_two_tasks(), tmp_path / "thesis.tex")
        assert (tmp_path / "thesis.tex").read_text() == "months of work"

    def test_a_model_without_description_is_an_error(self, tmp_path):
        inputs = tf.keras.Input([2])
        with pytest.raises(InputError, match="build_model"):
            save_model(MultiTaskModel(inputs, tf.keras.layers.Dense(1)(inputs)), tmp_path / "m")


class TestDamagedFolder:
    @pytest.mark.parametrize("name", ["model.json", "weights.npz"])
    def test_missing_file(self, saved, name):
        (saved[1] / name).unlink()
        _expect(saved[1], f"{name} is missing")

    def test_missing_folder(self, tmp_path):
        _expect(tmp_path / "none", "model.json is missing")

    @pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"trunk": "lownet"}', "\x00\x01"])
    def test_wrong_json(self, saved, text):
        (saved[1] / "model.json").write_text(text)
        _expect(saved[1], "model.json")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"trunk": "resnet9"}, "unknown trunk 'resnet9'"),
            ({"trunk": ["lownet"]}, "model.json"),
            ({"trunk_options": {"depth": 3}}, "no option 'depth'"),
            ({"trunk_options": {"slopes": "abc"}}, "model.json cannot be used"),
            ({"trunk_options": {"heads": 3}}, "model.json cannot be used"),
            ({"trunk_options": None}, "model.json cannot be used"),
            ({"heads": {"posture": {"head": "pose", "config": {}}}}, "unknown head 'pose'"),
            ({"heads": {"posture": {"head": "posture", "config": {"x": 1}}}}, "'x'"),
            ({"heads": {"posture": {"head": "posture"}}}, "lacks 'config'"),
            ({"heads": ["posture"]}, "model.json cannot be used"),
            ({"input_shape": [8, 8]}, r"input_shape=\(8, 8\)"),
            ({"class_names": {"posture": 3}}, "model.json cannot be used"),
        ],
    )
    def test_wrong_description(self, saved, changes, message):
        _edit(saved[1], **changes)
        _expect(saved[1], message)

    def test_weights_of_another_shape_name_the_layer(self, saved):
        _edit(saved[1], input_shape=[16, 16, 3], degrade=None)
        _expect(saved[1], r"layer 'lownet_fc1' has shape \(512, 128\).*needs \(2048, 128\)")

    def test_weights_of_another_model_name_the_layer(self, saved, tmp_path):
        save_model(build_model("lenet", {"posture": Posture(4)}, SHAPE), tmp_path / "lenet")
        shutil.copy(tmp_path / "lenet" / "weights.npz", saved[1])
        _expect(saved[1], "layer '(lenet_conv1|identity_logits)'")

    def test_pickles_are_refused(self, saved):
        with np.load(saved[1] / "weights.npz") as archive:
            arrays = dict(archive)
        arrays["lownet_conv1/0_kernel"] = np.array([print], dtype=object)
        np.savez(saved[1] / "weights.npz", **arrays)
        _expect(saved[1], "weights.npz cannot be read.*allow_pickle")

    def test_truncated_or_altered_weights(self, saved):
        path = saved[1] / "weights.npz"
        whole = path.read_bytes()
        middle = len(whole) // 2
        for damaged in (b"", b"hello", whole[:middle], whole[:-1]):
            path.write_bytes(damaged)
            _expect(saved[1], "weights.npz")
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        _expect(saved[1], "weights.npz")

    def test_an_array_instead_of_an_archive(self, saved):
        with (saved[1] / "weights.npz").open("wb") as file:
            np.save(file, np.zeros(3))
        _expect(saved[1], "weights.npz")


def _expect(folder, message):
    with pytest.raises(InputError, match=message) as error:
        load_model(folder)
    assert "\n" not in str(error.value)
