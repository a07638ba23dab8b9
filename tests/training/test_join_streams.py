"""Two single-stream networks as one: the scores of both, and networks that do not fit."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, load_model, save_model
from mtl_lowres.training.join_streams import join_streams

CLIPS = np.random.default_rng(0).random((3, 2, 8, 8, 5), np.float32)
SMALL = {"units": 4, "recurrent_units": 3}


def stream(streams, channels, filters, **options):
    return build_model(
        "two_stream",
        {"posture": Posture(3, loss="nll")},
        (2, 8, 8, channels),
        streams=streams,
        stream=f"stacks(frames=2, filters={filters})",
        **SMALL | options,
    )


@pytest.fixture(scope="module")
def appearance():
    return stream("appearance", 3, (2, 3, 4))


@pytest.fixture(scope="module")
def flow():
    return stream("flow", 5, (2, 2, 3))


def test_probabilities_are_those_of_weighted_scores(appearance, flow, tmp_path):
    joined = join_streams(appearance, flow, flow_weight=0.25)
    scores = np.log(appearance(CLIPS[..., :3])["posture"]) + 0.25 * np.log(flow(CLIPS)["posture"])
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(joined(CLIPS)["posture"], expected, rtol=1e-5)
    save_model(joined, tmp_path / "joined")
    again = load_model(tmp_path / "joined")(CLIPS)["posture"]
    np.testing.assert_array_equal(again, joined(CLIPS)["posture"])


def test_refuses_what_cannot_be_joined(appearance, flow):
    with pytest.raises(InputError, match="no appearance stream"):
        join_streams(flow, appearance)
    with pytest.raises(InputError, match="flow_weight must be"):
        join_streams(appearance, flow, flow_weight=-1)
    with pytest.raises(InputError, match="recurrent_units=3 and 5"):
        join_streams(appearance, stream("flow", 5, (2, 2, 3), recurrent_units=5))
