"""Networks with their recurrent layers written out answer what they answer with loops."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model
from mtl_lowres.multi_task_model import MultiTaskModel
from mtl_lowres.registry import TRUNKS
from mtl_lowres.serving.export import export
from mtl_lowres.serving.loop_free import MOST_STEPS, without_loops, without_short_loops

LAYERS = tf.keras.layers
SHAPE = (3, 4, 4, 3)
CLIPS = np.random.default_rng(0).integers(0, 256, (5, *SHAPE)).astype(np.float32) / 255


def _trunk(input_shape):
    clip = tf.keras.Input(input_shape, name="loops_clip")
    x = LAYERS.Reshape((input_shape[0], -1), name="loops_frames")(clip)
    x = LAYERS.LSTM(4, return_sequences=True, name="loops_lstm")(x)
    x = LAYERS.Bidirectional(LAYERS.GRU(3, name="loops_gru"), name="loops_both_ways")(x)
    return tf.keras.Model(clip, x)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRUNKS._entries, "loops", _trunk)
        return build_model(
            "loops", {"posture": Posture(3)}, SHAPE, degrade="area(4)", clip="uniform(3)"
        )


@pytest.fixture(scope="module")
def loaded(model, tmp_path_factory):
    return tf.saved_model.load(str(export(model, tmp_path_factory.mktemp("größe") / "loops")))


def _loops(function) -> int:
    """Return how many loops there are in a traced function and in those that it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for own in graph.library.function for node in own.node_def)]
    return sum(node.op in ("While", "StatelessWhile") for node in nodes)


def _loops_of(network) -> int:
    spec = tf.TensorSpec(network.input.shape, tf.float32)
    call = tf.function(lambda inputs: network(inputs, training=False))
    return _loops(call.get_concrete_function(spec))


def test_the_same_bits_without_a_loop(model):
    written_out = without_short_loops(model)
    assert _loops_of(model) and not _loops_of(written_out) and not _loops_of(written_out.trunk)
    expected = model.forward(CLIPS)["posture"]
    np.testing.assert_array_equal(written_out.forward(CLIPS)["posture"], expected)
    np.testing.assert_array_equal(written_out.trunk(CLIPS), model.trunk(CLIPS))
    assert written_out.description is model.description and written_out.heads == model.heads


def test_an_export_answers_what_the_model_answers(model, loaded):
    """Of floats, of files, and with the embedding of clips, which is the features of the trunk."""
    expected = model(CLIPS, training=False)["posture"]
    signatures = loaded.signatures
    answers = signatures["serving_default"](clips=tf.constant(CLIPS))
    np.testing.assert_allclose(answers["posture_probabilities"], expected, atol=1e-6)
    frames = np.rint(CLIPS * 255).astype(np.uint8)
    encoded = [[cv2.imencode(".png", f[..., ::-1])[1].tobytes() for f in clip] for clip in frames]
    answers = signatures["clip_bytes"](clip_bytes=tf.constant(encoded))
    np.testing.assert_allclose(answers["posture_probabilities"], expected, atol=1e-6)
    features = model.trunk(CLIPS, training=False).numpy()
    answers = signatures["embedding"](clip_bytes=tf.constant(encoded))
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(answers["embedding"], features / lengths, atol=1e-6)


def test_an_export_of_floats_has_no_loop_and_takes_no_clip_at_all(loaded):
    serve = loaded.signatures["serving_default"]
    assert _loops(serve) == 0
    assert serve(clips=tf.zeros([0, *SHAPE]))["posture_probabilities"].shape == [0, 3]


def _sequence_model(steps, masking=False, states=False):
    """A model of a sequence, or with `states` of one whose LSTM begins with states given to it."""
    inputs = tf.keras.Input((steps, 2))
    x = LAYERS.Masking()(inputs) if masking else inputs
    given = [LAYERS.Dense(3)(inputs[:, 0]) for _ in range(2)] if states else None
    features = LAYERS.LSTM(3)(x, initial_state=given)
    trunk = tf.keras.Model(inputs, features)
    return MultiTaskModel(inputs, {"a": LAYERS.Dense(1)(features)}, trunk)


@pytest.mark.parametrize(
    "options", [{"steps": MOST_STEPS + 1}, {"steps": None}, {"steps": 4, "masking": True}]
)
def test_long_unknown_and_masked_sequences_keep_their_loop(options):
    model = _sequence_model(**options)
    assert without_short_loops(model) is model


def test_states_that_are_given():
    model = _sequence_model(4, states=True)
    sequences = np.random.default_rng(0).random((3, 4, 2), np.float32)
    written_out = without_short_loops(model)
    assert not _loops_of(written_out)
    np.testing.assert_array_equal(
        written_out.forward(sequences)["a"], model.forward(sequences)["a"]
    )


def test_all_loops_are_written_out_where_loops_cannot_be_run():
    """With a mask too: a step of zeros changes nothing, wherever it stands."""
    model = _sequence_model(4, masking=True)
    sequences = np.random.default_rng(0).random((3, 4, 2), np.float32)
    sequences[0, 1] = sequences[1, 3] = sequences[2] = 0
    written_out = without_loops(model)
    assert not _loops_of(written_out)
    np.testing.assert_allclose(
        written_out.forward(sequences)["a"], model.forward(sequences)["a"], atol=1e-6
    )
    moved = sequences[:1, [0, 2, 3, 1]]
    np.testing.assert_allclose(
        written_out.forward(moved)["a"], model.forward(sequences[:1])["a"], atol=1e-6
    )
