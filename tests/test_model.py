import json

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Identity, Posture
from mtl_lowres.losses import NLL
from mtl_lowres.model import MultiTaskModel, build_model

SHAPE = (8, 8, 3)
COUNT = 12
RNG = np.random.default_rng(0)
IMAGES = RNG.random((COUNT, *SHAPE), np.float32)
LABELS = {"posture": np.arange(COUNT) % 4, "identity": np.arange(COUNT) % 3}
# The first third has both labels, the second posture alone, the last none.
WEIGHTS = {
    "posture": np.repeat([1.0, 1.0, 0.0], 4).astype(np.float32),
    "identity": np.repeat([1.0, 0.0, 0.0], 4).astype(np.float32),
}


def _two_tasks(**options):
    tf.keras.utils.set_random_seed(0)
    heads = {"posture": Posture(4), "identity": Identity(3)}
    return build_model("lownet", heads, SHAPE, **options)


class TestBuild:
    def test_outputs_are_a_dict_by_task(self):
        outputs = _two_tasks()(IMAGES)
        assert {task: tuple(o.shape) for task, o in outputs.items()} == {
            "posture": (COUNT, 4),
            "identity": (COUNT, 3),
        }

    def test_attributes_survive_keras(self):
        model = _two_tasks()
        assert type(model.heads) is dict
        assert list(model.heads) == ["posture", "identity"]
        assert model.trunk(IMAGES).shape == (COUNT, 64)
        assert json.loads(json.dumps(model.description)) == model.description

    def test_summary(self):
        lines = []
        _two_tasks().summary(print_fn=lines.append)
        text = "\n".join(lines)
        assert "lownet_conv1" in text
        assert "posture_logits" in text

    def test_weights_are_counted_and_checkpointed_once(self, tmp_path):
        model = _two_tasks()
        assert len({id(w) for w in model.weights}) == len(model.weights)
        assert model.count_params() == model.trunk.count_params() + 64 * 7 + 7
        tf.train.Checkpoint(model=model).write(str(tmp_path / "c"))
        stored = [n for n, _ in tf.train.list_variables(str(tmp_path / "c")) if "model" in n]
        assert len(stored) == len(model.weights)

    def test_plain_functional_model(self):
        inputs = tf.keras.Input([2])
        model = MultiTaskModel(inputs, tf.keras.layers.Dense(1)(inputs))
        model.compile("sgd", loss="mse")
        model.fit(np.ones([4, 2]), np.ones([4]), verbose=0)
        assert (model.trunk, model.heads, model.class_names) == (None, {}, {})

    def test_any_task_names_and_several_heads_of_a_kind(self):
        model = build_model("lownet", {"Pose_1": Posture(2), "pose2": Posture(3)}, SHAPE)
        assert set(model.output_names) == {"Pose_1", "pose2"}

    def test_trunk_options_reach_the_trunk(self):
        model = build_model("lownet", {"posture": Posture(4)}, SHAPE, slopes=(4, 2, 1), name="n")
        assert [model.get_layer(f"n_relu{i}").slope for i in (1, 2, 3)] == [4, 2, 1]
        assert model.description["trunk_options"] == {"slopes": [4, 2, 1], "name": "n"}

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"trunk": "lownett"}, "unknown trunk 'lownett': did you mean 'lownet'"),
            ({"heads": {}}, "at least one task"),
            ({"heads": {"posture": 38}}, "head 38 of task 'posture'"),
            ({"heads": {"größe": Posture(3)}}, "task name 'größe'"),
            ({"heads": {"lownet_fc1": Posture(3)}}, "task name 'lownet_fc1' is also a layer"),
            ({"input_shape": (8, 8)}, r"input_shape=\(8, 8\)"),
            ({"slope": 2}, "no option 'slope': it has slopes, padding"),
            ({"slopes": {1, 2, 3}}, "slopes={1, 2, 3}.*cannot be saved"),
            ({"class_names": {"age": ["a"]}}, "class_names has task 'age'"),
            ({"class_names": {"posture": ["a"]}}, "1 names, but its head has 3 classes"),
            ({"degrade": "area(16)"}, r"degrade='area\(16\)' makes images of \(16, 16\)"),
            ({"degrade": "aera(8)"}, "aera"),
        ],
    )
    def test_a_wrong_argument_is_quoted_in_one_line(self, changes, message):
        arguments = {"trunk": "lownet", "heads": {"posture": Posture(3)}, "input_shape": SHAPE}
        with pytest.raises(InputError, match=message) as error:
            build_model(**{**arguments, **changes})
        assert "\n" not in str(error.value)

    def test_an_unregistered_head_is_an_error(self):
        class Private(Posture):
            pass

        with pytest.raises(InputError, match="Private is not registered"):
            build_model("lownet", {"posture": Private(3)}, SHAPE)


class TestFit:
    def test_dataset_with_weights(self):
        model = _two_tasks()
        model.compile("adam")  # the other tests run eagerly, which saves tracing
        dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, WEIGHTS)).batch(5)
        history = model.fit(dataset, validation_data=dataset, epochs=2, verbose=0).history
        tasks = ("posture", "identity")
        names = {f"{t}_{m}" for t in tasks for m in ("loss", "accuracy", "macro_f1")} | {"loss"}
        assert set(history) == names | {f"val_{name}" for name in names}
        assert np.isfinite(list(history.values())).all()

    def test_arrays_without_weights(self):
        model = _two_tasks()
        model.compile(run_eagerly=True)
        loss = model.evaluate(IMAGES, LABELS, batch_size=COUNT, verbose=0, return_dict=True)
        outputs = model(IMAGES)
        for task, head in model.heads.items():
            expected = float(head.loss()(LABELS[task], outputs[task]))
            assert loss[f"{task}_loss"] == pytest.approx(expected, rel=1e-5)
        assert loss["loss"] == pytest.approx(loss["posture_loss"] + loss["identity_loss"])
        model.fit(IMAGES, LABELS, verbose=0)

    def test_loss_and_metrics_are_over_the_labelled(self):
        model = _two_tasks()
        model.compile(run_eagerly=True)
        result = model.evaluate(
            IMAGES, LABELS, sample_weight=WEIGHTS, batch_size=COUNT, verbose=0, return_dict=True
        )
        outputs = model.predict(IMAGES, verbose=0)
        for task, known in (("posture", 8), ("identity", 4)):
            labels, probabilities = LABELS[task][:known], outputs[task][:known]
            expected = float(model.heads[task].loss()(labels, probabilities))
            assert result[f"{task}_loss"] == pytest.approx(expected, rel=1e-5)
            accuracy = np.mean(probabilities.argmax(1) == labels)
            assert result[f"{task}_accuracy"] == pytest.approx(accuracy)

    def test_soft_labels(self):
        model = _two_tasks()
        model.compile(run_eagerly=True)
        one_hot = {t: np.eye(n)[LABELS[t]] for t, n in (("posture", 4), ("identity", 3))}
        model.fit(IMAGES, one_hot, sample_weight=WEIGHTS, verbose=0)

    def test_a_task_without_any_label_leaves_its_head_alone(self):
        model = _two_tasks()
        model.compile(tf.keras.optimizers.SGD(0.1), run_eagerly=True)
        before = {n: model.get_layer(f"{n}_logits").get_weights()[0] for n in model.heads}
        weights = {**WEIGHTS, "identity": np.zeros(COUNT, np.float32)}
        model.fit(IMAGES, LABELS, sample_weight=weights, verbose=0)
        after = {n: model.get_layer(f"{n}_logits").get_weights()[0] for n in model.heads}
        np.testing.assert_array_equal(before["identity"], after["identity"])
        assert not np.array_equal(before["posture"], after["posture"])

    def test_one_task_learns(self):
        tf.keras.utils.set_random_seed(0)
        model = build_model("lownet", {"posture": Posture(2, loss="nll")}, SHAPE, dropout=0.0)
        model.compile(tf.keras.optimizers.Adam(0.001), run_eagerly=True)
        labels = np.arange(COUNT) % 2
        images = np.ones((COUNT, *SHAPE), np.float32) * labels[:, None, None, None]
        history = model.fit(images, {"posture": labels}, epochs=30, verbose=0).history
        assert history["macro_f1"][-1] == 1.0

    def test_loss_and_metrics_can_be_replaced(self):
        model = _two_tasks()
        losses = {"posture": NLL(), "identity": NLL()}
        model.compile("sgd", loss=losses, weighted_metrics=[], run_eagerly=True)
        result = model.evaluate(IMAGES, LABELS, batch_size=COUNT, verbose=0, return_dict=True)
        assert set(result) == {"loss", "posture_loss", "identity_loss"}
        expected = float(NLL()(LABELS["posture"], model(IMAGES)["posture"]))
        assert result["posture_loss"] == pytest.approx(expected, rel=1e-5)

    def test_loss_weights(self):
        model = _two_tasks()
        model.compile(loss_weights={"posture": 1.0, "identity": 0.0}, run_eagerly=True)
        result = model.evaluate(IMAGES, LABELS, batch_size=COUNT, verbose=0, return_dict=True)
        assert result["loss"] == pytest.approx(result["posture_loss"])

    def test_freezing_the_trunk(self):
        model = _two_tasks()
        model.trunk.trainable = False
        assert {w.name for w in model.trainable_weights} == {
            f"{task}_logits/{part}:0" for task in model.heads for part in ("kernel", "bias")
        }

    def test_an_exported_graph_answers_the_same(self, tmp_path):
        model = _two_tasks()
        model.compile(run_eagerly=True)
        model.fit(IMAGES, LABELS, verbose=0)
        module = tf.Module()
        module.variables_ = model.variables
        module.answer = tf.function(
            lambda images: model(images, training=False),
            input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32)],
        )
        tf.saved_model.save(module, str(tmp_path / "e"))
        loaded = tf.saved_model.load(str(tmp_path / "e"))
        answers = loaded.answer(IMAGES)
        np.testing.assert_allclose(answers["identity"], model(IMAGES)["identity"], rtol=1e-5)
