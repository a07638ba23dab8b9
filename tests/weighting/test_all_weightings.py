"""What every weighting must do, run over the registry."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.registry import WEIGHTINGS
from mtl_lowres.weighting import list_weightings, parse_weighting
from tests.toy_model import ALL, INPUTS, LABELS, NONE, batches, toy_model

TEXTS = {"fixed": "fixed(posture=1, identity=0.2)"}
WEIGHTING_TEXTS = [TEXTS.get(name, name) for name in list_weightings()]
BOTH = {"posture": ALL, "identity": ALL}
FIRST = {"posture": ALL, "identity": NONE}
SECOND = {"posture": NONE, "identity": ALL}


@pytest.fixture(autouse=True)
def deterministic():
    tf.config.experimental.enable_op_determinism()


def _compiled(text, optimizer="adam", **options):
    model = toy_model()
    model.compile(optimizer, weighting=text, weighted_metrics=[], **options)
    return model


@pytest.mark.parametrize("text", WEIGHTING_TEXTS)
def test_trains_where_tasks_come_and_go(text):
    """Both tasks, then one or the other, then none, in one graph; and the log is Keras's."""
    model = _compiled(text)
    presence = [BOTH, FIRST, SECOND, {"posture": NONE, "identity": NONE}, BOTH] * 2
    before = model.get_weights()
    history = model.fit(batches(*presence), epochs=2, verbose=0).history
    assert set(history) == {"loss", "posture_loss", "identity_loss"}
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert all((w != b).any() for w, b in zip(model.get_weights(), before, strict=True))
    weights = model.weighting.task_weights()
    assert list(weights) == ["posture", "identity"]
    assert all(isinstance(w, float) and np.isfinite(w) for w in weights.values())


@pytest.mark.parametrize("text", WEIGHTING_TEXTS)
def test_logged_loss_is_the_plain_sum(text):
    model = _compiled(text, tf.keras.optimizers.SGD(0.0), run_eagerly=True)
    log = model.fit(batches(BOTH), verbose=0).history
    outputs = model(INPUTS)
    losses = [float(head.loss()(LABELS[t], outputs[t])) for t, head in model.heads.items()]
    assert log["loss"] == pytest.approx([sum(losses)], rel=1e-5)
    assert log["posture_loss"] == pytest.approx([losses[0]], rel=1e-5)


@pytest.mark.parametrize("text", WEIGHTING_TEXTS)
def test_resumed_training_is_the_same_to_the_bit(text, tmp_path):
    presence = [BOTH, FIRST]
    whole = _compiled(text, run_eagerly=True)
    whole.fit(batches(*presence), epochs=3, verbose=0)

    started = _compiled(text, run_eagerly=True)
    started.fit(batches(*presence), epochs=2, verbose=0)
    parts = {"model": started, "optimizer": started.optimizer, "weighting": started.weighting}
    tf.train.Checkpoint(**parts).write(str(tmp_path / "c"))

    resumed = _compiled(text, run_eagerly=True)
    tf.keras.utils.set_random_seed(99)
    resumed.compile("adam", weighting=text, weighted_metrics=[], run_eagerly=True)
    resumed.optimizer.build(resumed.trainable_variables)
    parts = {"model": resumed, "optimizer": resumed.optimizer, "weighting": resumed.weighting}
    status = tf.train.Checkpoint(**parts).read(str(tmp_path / "c"))
    status.assert_existing_objects_matched()
    resumed.fit(batches(*presence), epochs=1, verbose=0)

    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.weighting.task_weights() == resumed.weighting.task_weights()


@pytest.mark.parametrize("text", WEIGHTING_TEXTS)
def test_state_is_apart_from_the_network(text):
    model = _compiled(text)
    assert len(model.weights) == 6
    assert all(isinstance(v, tf.Variable) for v in model.weighting.variables)
    assert not {id(v) for v in model.weighting.variables} & {id(w) for w in model.weights}


@pytest.mark.parametrize("text", WEIGHTING_TEXTS)
def test_regularisation_counts_once(text):
    """Without labels the gradient is that of the penalty alone: 2 * 0.1 * kernel."""
    model = toy_model(kernel_regularizer=tf.keras.regularizers.L2(0.1))
    model.compile(tf.keras.optimizers.SGD(1.0), weighting=text, run_eagerly=True)
    kernel = model.get_layer("shared").kernel
    before = kernel.numpy()
    model.fit(batches({"posture": NONE, "identity": NONE}), verbose=0)
    np.testing.assert_allclose(kernel, 0.8 * before, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("equall", "unknown weighting 'equall': did you mean 'equal'"),
        ("equal|random", "joins 2 weightings: give one"),
        ("dwa(temperature=0)", "temperature must be positive, got 0"),
        ("dwa(heat=1)", "unexpected keyword argument 'heat'"),
        ("gradnorm(alpha=-1)", "alpha must be a number of at least 0, got -1"),
        ("fixed(posture=-1, identity=1)", "posture must be a number of at least 0, got -1"),
        ("fixed(posture=0, identity=0)", "train nothing"),
        ("fixed(posture=1, age=1)", "no task 'age'.*posture.*identity"),
        ("fixed(posture=1)", "task 'identity' has no weight: add identity=1"),
        (0.5, "weighting=0.5 is no weighting"),
    ],
)
def test_unusable_weightings_are_named(text, message):
    with pytest.raises(InputError, match=message) as error:
        toy_model().compile(weighting=text)
    assert "\n" not in str(error.value)


def test_what_does_not_go_together_is_refused():
    model = toy_model()
    with pytest.raises(InputError, match="loss_weights=.* give one of them"):
        model.compile(weighting="random", loss_weights={"posture": 1.0, "identity": 2.0})
    with pytest.raises(InputError, match="loss 'mse' of task 'posture'"):
        model.compile(weighting="random", loss="mse")
    model.trunk.trainable = False
    with pytest.raises(InputError, match="nothing to train: unfreeze it"):
        model.compile(weighting="gradnorm")
    model.compile(weighting="pcgrad", run_eagerly=True)
    model.fit(batches(BOTH), verbose=0)


def test_equal_is_plain_keras():
    """Five steps, mixed presence: the weights are those of Keras's own training step."""
    plain, ours = _compiled("equal"), _compiled("equal")
    plain.train_step = lambda data: tf.keras.Model.train_step(plain, data)
    presence = [BOTH, {"posture": ALL, "identity": np.arange(16) % 2.0}] * 3
    for model in (plain, ours):
        model.fit(batches(*presence[:5]), verbose=0)
    for one, other in zip(plain.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_object_does_as_well_as_a_text():
    model = toy_model()
    weighting = WEIGHTINGS.get("dwa")(temperature=3)
    model.compile(weighting=weighting)
    assert model.weighting is weighting
    assert parse_weighting("dwa(temperature=3)").temperature == 3.0
