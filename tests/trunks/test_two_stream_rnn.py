"""The recurrent two-stream network against the released program's values, and its padding."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.two_stream_rnn import two_stream_rnn

LENGTHS = (7, 5, 3, 1)


def _from_pytorch(golden, gru: str, direction: str) -> list[np.ndarray]:
    """Return Keras' weights of one direction: its gates are z, r, h, PyTorch's r, z, n."""

    def reordered(name):
        reset, update, new = np.split(golden[f"two_stream_{gru}_{name}_l0{direction}"], 3)
        return np.concatenate([update, reset, new])

    biases = np.stack([reordered("bias_ih"), reordered("bias_hh")])
    return [reordered("weight_ih").T, reordered("weight_hh").T, biases]


@pytest.fixture(scope="module")
def model(golden):
    model = two_stream_rnn((7, 48), hidden=10)
    for stream, gru in (("spatial", "rnn1"), ("temporal", "rnn2")):
        weights = [w for way in ("", "_reverse") for w in _from_pytorch(golden, gru, way)]
        model.get_layer(f"two_stream_rnn_{stream}_both_ways").set_weights(weights)
    return model


@pytest.fixture(scope="module")
def sequences(golden):
    """Units [4, 7, 48] of the two streams, with zeros behind the given lengths."""
    assert golden["two_stream_length"].tolist() == list(LENGTHS)
    units = np.concatenate([golden["two_stream_spatial"], golden["two_stream_temporal"]], axis=-1)
    for sequence, length in zip(units, LENGTHS, strict=True):
        sequence[length:] = 0
    return units


def test_logits_of_the_release(model, sequences, golden):
    features = model(sequences).numpy()
    logits = features @ golden["two_stream_classifier_weight"].T
    logits += golden["two_stream_classifier_bias"]
    np.testing.assert_allclose(logits, golden["two_stream_logits"], rtol=1e-5, atol=1e-6)


def test_padding_does_not_matter(model, sequences):
    """Neither more of it behind all sequences, nor none at all."""
    expected = model(sequences).numpy()
    longer = two_stream_rnn((12, 48), hidden=10)
    longer.set_weights(model.get_weights())
    padded = np.pad(sequences, ((0, 0), (0, 5), (0, 0)))
    np.testing.assert_allclose(longer(padded), expected, rtol=1e-5, atol=1e-6)
    exact = two_stream_rnn((3, 48), hidden=10)
    exact.set_weights(model.get_weights())
    np.testing.assert_allclose(exact(sequences[2:, :3]), expected[2:], rtol=1e-5, atol=1e-6)


def test_a_stream_without_units_adds_nothing(model, sequences):
    spatial, temporal = sequences.copy(), sequences.copy()
    spatial[..., 24:] = 0
    temporal[..., :24] = 0
    both = model(spatial).numpy() + model(temporal).numpy()
    np.testing.assert_allclose(both, model(sequences), rtol=1e-5, atol=1e-6)
    assert not model(np.zeros_like(sequences)).numpy().any()


def test_the_published_network_counted_by_hand():
    """Four GRUs of three gates: 4096 inputs, 512 states and two biases for each of 512 units."""
    assert 12 * 512 * (4096 + 512 + 2) == 28_323_840
    assert two_stream_rnn((3, 12), hidden=5).count_params() == 12 * 5 * (6 + 5 + 2)


def test_weights_start_as_in_pytorch():
    weights = two_stream_rnn((3, 40), hidden=16).get_weights()
    assert len(weights) == 12
    for weight in weights:
        assert np.abs(weight).max() <= 0.25
        assert np.std(weight) == pytest.approx(0.25 / np.sqrt(3), rel=0.25)
    assert not np.array_equal(weights[0], weights[3])
    assert not np.array_equal(weights[0], weights[6])


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((20, 8191), {}, r"input_shape=\(20, 8191\) .*both streams side by side"),
        ((20, 0), {}, r"input_shape=\(20, 0\)"),
        ((16, 16, 3), {}, "takes stored unit features"),
        ((20, 8), {"hidden": 0}, "hidden=0"),
        ((20, 8), {"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_what_cannot_be_used_is_named(shape, options, message):
    with pytest.raises(InputError, match=message):
        two_stream_rnn(shape, **options)
