import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import Identity
from mtl_lowres.losses.margin_schedule import lambda_at
from mtl_lowres.multi_task_model import MultiTaskModel


@pytest.mark.parametrize("step", [0, 1000, 100_000])
def test_golden_lambda(golden, step):
    expected = golden[f"a_softmax_m4_step{step}_lambda"]
    assert lambda_at("guidance", step) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("official", 0, 1000),
        ("official", 50, 1000 / 7),
        ("official", 1659, 5),
        ("guidance", 90, 150),
    ],
)
def test_lambda_by_hand(schedule, step, expected):
    assert lambda_at(schedule, step) == pytest.approx(expected)


def test_lambda_follows_the_optimizer_and_is_logged():
    """Two batches an epoch: the last steps begin at counts 1, 3, and after a resume at 8, 9."""
    head = Identity(3, "a_softmax")
    inputs = tf.keras.Input([4])
    trunk = tf.keras.Model(inputs, tf.keras.layers.Dense(4)(inputs))
    outputs = {"face": head.build(trunk.output, "face")}
    model = MultiTaskModel(inputs, outputs, trunk, {"face": head})
    model.compile("sgd")
    data = np.ones([4, 4], np.float32), {"face": np.array([0, 1, 2, 0])}
    log = model.fit(*data, batch_size=2, epochs=2, verbose=0).history["face_lambda"]
    assert log == pytest.approx([1500 / 1.1, 1500 / 1.3])
    model.optimizer.iterations.assign(8)
    log = model.fit(*data, batch_size=2, verbose=0).history["face_lambda"]
    assert log == pytest.approx([1500 / 1.9])
