"""Starting from a saved model: same trunk, heads that fit, and what is refused."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Posture
from mtl_lowres.model import build_model, save_model
from mtl_lowres.training.start import start_from

SHAPE = (16, 16, 3)


@pytest.fixture
def saved(tmp_path):
    model = build_model("cnn3", {"posture": Posture(4), "other": Posture(3)}, SHAPE)
    save_model(model, tmp_path / "run" / "model")
    return model, tmp_path / "run"


def _arrays(model, prefix):
    return [
        w.numpy() for layer in model.layers if layer.name.startswith(prefix) for w in layer.weights
    ]


def test_trunk_and_fitting_heads_are_copied_others_stay(saved):
    source, folder = saved
    heads = {"posture": Posture(4), "other": Posture(5), "age": Age("mse")}
    model = build_model("cnn3", heads, SHAPE)
    before = _arrays(model, "other") + _arrays(model, "age")
    start_from(model, folder)
    for prefix in ("cnn3", "posture"):
        for mine, theirs in zip(_arrays(model, prefix), _arrays(source, prefix), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    after = _arrays(model, "other") + _arrays(model, "age")
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_model_folder_will_do_as_well(saved):
    source, folder = saved
    model = build_model("cnn3", {"posture": Posture(4)}, SHAPE)
    start_from(model, folder / "model")
    np.testing.assert_array_equal(_arrays(model, "posture")[0], _arrays(source, "posture")[0])


def test_another_trunk_is_refused_by_the_name_of_a_weight(saved):
    model = build_model("lenet", {"posture": Posture(4)}, SHAPE)
    with pytest.raises(InputError, match="'cnn3' has no weight 'lenet") as raised:
        start_from(model, saved[1])
    assert "\n" not in str(raised.value)


def test_a_folder_without_a_model_is_one_line(tmp_path):
    model = build_model("cnn3", {"posture": Posture(4)}, SHAPE)
    with pytest.raises(InputError, match="is missing"):
        start_from(model, tmp_path)
