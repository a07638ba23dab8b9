"""A head without a label in the batch stays as it is, whatever the optimiser and weighting."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import Identity, Posture
from mtl_lowres.multi_task_model import MultiTaskModel, _last_matrices
from tests.toy_model import ALL, INPUTS, LABELS, NONE, batches, toy_model

BOTH = {"posture": ALL, "identity": ALL}
WITHOUT_POSTURE = {"posture": NONE, "identity": ALL}
OPTIMIZERS = {
    "adamw": lambda: tf.keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "nesterov": lambda: tf.keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "averaged": lambda: tf.keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "rmsprop": lambda: tf.keras.optimizers.RMSprop(0.01, momentum=0.9),
    "legacy": lambda: tf.keras.optimizers.legacy.Adam(0.01),
}


class DeepPosture(Posture):
    """A head with everything that a step might change: statistics, decay, dropout."""

    def build(self, features, name):
        x = tf.keras.layers.Dense(5, name=f"{name}_dense")(features)
        x = tf.keras.layers.BatchNormalization(momentum=0.5, name=f"{name}_norm")(x)
        x = tf.keras.layers.Dropout(0.5, name=f"{name}_dropout")(x)
        return super().build(x, name)


def _deep_model(optimizer, weighting="equal", **options):
    model = toy_model({"posture": DeepPosture(3), "identity": Identity(2)})
    model.compile(optimizer, weighting=weighting, weighted_metrics=[], **options)
    return model


def _values(variables):
    return {v.name: v.numpy() for v in variables}


@pytest.mark.parametrize(
    ("optimizer", "weighting"),
    [(name, "equal") for name in OPTIMIZERS]
    + [("adamw", w) for w in ("uncertainty", "dwa", "gradnorm", "pcgrad", "random")],
)
def test_head_without_a_label_stays_to_the_bit(optimizer, weighting):
    # One as a graph, the others eagerly, which saves tracing.
    eager = (optimizer, weighting) != ("adamw", "equal")
    model = _deep_model(OPTIMIZERS[optimizer](), weighting, run_eagerly=eager)
    model.fit(batches(BOTH, BOTH), verbose=0)  # momentum and averages are no longer zero
    others = model.optimizer.variables if optimizer != "legacy" else []
    before = _values([*model.weights, *others])
    model.fit(batches(WITHOUT_POSTURE, WITHOUT_POSTURE), verbose=0)
    for name, value in _values([*model.weights, *others]).items():
        if "posture" in name:
            np.testing.assert_array_equal(value, before[name], err_msg=name)
        elif name != "iteration:0":
            assert (value != before[name]).any(), name


def test_head_with_a_label_in_one_row_is_trained():
    model = _deep_model("adam", run_eagerly=True)
    before = _values(model.weights)
    one_row = np.eye(1, len(ALL), dtype=np.float32)[0]
    model.fit(batches({"posture": one_row, "identity": NONE}), verbose=0)
    for name, value in _values(model.weights).items():
        assert (value != before[name]).any() == ("identity" not in name), name


def test_labels_left_out_of_the_batch_count_as_missing():
    model = _deep_model("adam", "uncertainty", run_eagerly=True)
    before = _values(model.weights)
    model.train_on_batch(INPUTS, {"identity": LABELS["identity"]})
    for name, value in _values(model.weights).items():
        assert (value != before[name]).any() == ("posture" not in name), name


def test_a_step_is_traced_once(monkeypatch):
    traced = []
    step = MultiTaskModel.train_step
    monkeypatch.setattr(
        MultiTaskModel, "train_step", lambda self, data: traced.append(True) or step(self, data)
    )
    _deep_model("adam").fit(batches(BOTH, BOTH), epochs=2, verbose=0)
    assert len(traced) == 1


def test_gradient_without_a_label_is_exactly_zero():
    model = _deep_model("adam")
    with tf.GradientTape() as tape:
        outputs = model(INPUTS, training=True)
        loss = model.heads["posture"].loss()(LABELS["posture"], outputs["posture"], NONE)
    assert float(loss) == 0
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all((g.numpy() == 0).all() for g in gradients if g is not None)
    assert sum(g is not None for g in gradients) == 8


def test_head_layers_follow_from_the_graph():
    model = _deep_model("adam")
    names = {task: {layer.name for layer in layers} for task, layers in model.head_layers.items()}
    assert names == {
        "posture": {
            "posture_dense",
            "posture_norm",
            "posture_dropout",
            "posture_logits",
            "posture",
        },
        "identity": {"identity_logits", "identity"},
    }


def test_last_matrices_of_a_trunk_with_two_ends():
    """Of both branches the last matrix, past the layers that have none."""
    inputs = tf.keras.Input([4])
    first = tf.keras.layers.Dense(3, name="first")(inputs)
    left = tf.keras.layers.BatchNormalization()(tf.keras.layers.Dense(2, name="left")(first))
    right = tf.keras.layers.ReLU()(tf.keras.layers.Dense(2, name="right")(first))
    trunk = tf.keras.Model(inputs, tf.keras.layers.Concatenate()([left, right]))
    assert {m.name for m in _last_matrices(trunk)} == {"left/kernel:0", "right/kernel:0"}


@pytest.mark.parametrize("known", [True, False], ids=["known length", "unknown length"])
def test_every_epoch_sees_every_batch_once_in_its_own_order(known):
    """The pass that is number p shows the rows from the p-th on."""
    passes, seen = [], []

    def rows():
        passes.append(len(passes))
        order = np.roll(np.arange(4), -passes[-1])
        yield from (
            (INPUTS[row : row + 1], {"posture": LABELS["posture"][row : row + 1]}) for row in order
        )

    model = toy_model({"posture": Posture(3)})
    signature = (tf.TensorSpec([1, 4]), {"posture": tf.TensorSpec([1], tf.int64)})
    dataset = tf.data.Dataset.from_generator(rows, output_signature=signature)
    if known:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(4))
    model.compile("sgd", weighted_metrics=[], run_eagerly=True)
    step = model.train_step

    def noting(data):
        seen.append(int(np.flatnonzero((data[0].numpy() == INPUTS).all(axis=1))[0]))
        return step(data)

    model.train_step = noting
    history = model.fit(dataset, epochs=4, initial_epoch=1, verbose=0)
    assert len(history.history["loss"]) == 3
    first = np.reshape(seen, [3, 4])
    assert (np.sort(first, axis=1) == np.arange(4)).all()
    assert (first[:, 0] == first[0, 0] + np.arange(3)).all()
