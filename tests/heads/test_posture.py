import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.losses import KL, NLL, Focal, FocalKL


@pytest.mark.parametrize(
    ("name", "kind"), [("focal_kl", FocalKL), ("focal", Focal), ("kl", KL), ("nll", NLL)]
)
def test_each_loss_name(name, kind):
    head = Posture(5, loss=name, label_smoothing=0.1)
    assert type(head.loss()) is kind
    assert head.loss().label_smoothing == 0.1
    copy = Posture.from_config(head.get_config())
    assert copy.loss().get_config() == head.loss().get_config()


def test_defaults_are_those_of_the_paper():
    loss = Posture(38).loss()
    assert (loss.alpha, loss.beta) == (0.5, 1.0)


def test_options_reach_the_loss_and_the_config():
    head = Posture(38, alpha=0.25, beta=3)
    assert (head.loss().alpha, head.loss().beta) == (0.25, 3.0)
    assert Posture(38, loss="focal", gamma=1.5).get_config()["gamma"] == 1.5
    assert Posture.from_config(head.get_config()).loss().beta == 3.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "nll", "alpha": 0.5}, r"alpha=0.5 has no effect on loss 'nll'.*'focal_kl'"),
        ({"loss": "focal", "beta": 1.0}, r"beta=1.0 has no effect on loss 'focal'"),
        ({"gamma": 2.0}, r"gamma=2.0 has no effect on loss 'focal_kl'.*use loss 'focal'"),
    ],
)
def test_an_option_that_the_loss_does_not_use_is_an_error(options, message):
    with pytest.raises(InputError, match=message):
        Posture(5, **options)


@pytest.mark.parametrize("paper_exact", [False, True])
def test_paper_exact_is_a_relu_before_the_softmax(paper_exact):
    inputs = tf.keras.Input([2])
    head = Posture(3, paper_exact=paper_exact)
    model = tf.keras.Model(inputs, head.build(inputs, "posture"))
    kernel = np.array([[1.0, -1.0, 0.5], [0.0, -2.0, 1.0]], np.float32)
    model.set_weights([kernel, np.zeros(3, np.float32)])
    x = np.array([[1.0, 0.5]], np.float32)
    logits = x @ kernel
    if paper_exact:
        logits = np.maximum(logits, 0)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(model(x), expected, rtol=1e-6)
    assert Posture.from_config(head.get_config()).paper_exact == paper_exact
