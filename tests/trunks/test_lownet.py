import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model
from mtl_lowres.trunks import lownet

SHAPE = (16, 16, 3)


def test_golden_features_and_probabilities(golden):
    slopes = golden["lownet_slopes"].tolist()
    model = build_model("lownet", {"posture": Posture(38)}, SHAPE, slopes=slopes)
    for layer in ("conv1", "conv2", "conv3"):
        kernel, bias = golden[f"lownet_{layer}_kernel_hwio"], golden[f"lownet_{layer}_bias"]
        model.get_layer(f"lownet_{layer}").set_weights([kernel, bias])
    for name, key in (("lownet_fc1", "fc1"), ("lownet_fc2", "fc2"), ("posture_logits", "fc3")):
        kernel, bias = golden[f"lownet_{key}_kernel_io"], golden[f"lownet_{key}_bias"]
        model.get_layer(name).set_weights([kernel, bias])
    images = golden["lownet_input_nhwc"]
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(model.trunk(images), golden["lownet_feature"], **tolerance)
    np.testing.assert_allclose(model(images)["posture"], golden["lownet_prob"], rtol=1e-5)


def test_parameters_of_the_published_network():
    assert build_model("lownet", {"posture": Posture(38)}, SHAPE).count_params() == 366_246


def test_the_unpadded_variant_of_the_release():
    """Three unpadded 3x3 convolutions leave 10x10x128 inputs for the first dense layer."""
    model = lownet(SHAPE, slopes=(2, 1, 0.5), padding="valid", pooling="none")
    assert model.get_layer("lownet_fc1").kernel.shape == (10 * 10 * 128, 128)


@pytest.mark.parametrize(
    ("pooling", "inputs"),
    [("none", 16 * 16), ("last", 8 * 8), ("last_two", 4 * 4), ("all", 2 * 2)],
)
def test_pooling(pooling, inputs):
    assert lownet(SHAPE, pooling=pooling).get_layer("lownet_fc1").kernel.shape[0] == inputs * 128


def test_dropout_is_on_in_training_only():
    model = lownet(SHAPE, dropout=0.5)
    images = tf.ones([1, *SHAPE])
    assert not np.array_equal(model(images, training=True), model(images, training=True))
    np.testing.assert_array_equal(model(images), model(images))


@pytest.mark.parametrize(
    ("options", "side"),
    [({}, 4), ({"pooling": "all"}, 8), ({"padding": "valid", "pooling": "none"}, 7)],
)
def test_smallest_image(options, side):
    assert lownet((side, side, 3), **options).output_shape == (None, 64)
    with pytest.raises(InputError, match=f"at least {side} pixels"):
        lownet((side, side - 1, 3), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slopes": (2, 2)}, r"slopes=\(2, 2\)"),
        ({"slopes": (2, 0, 2)}, "slope=0"),
        ({"padding": "full"}, "padding='full'"),
        ({"pooling": 2}, "pooling=2"),
        ({"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_a_wrong_option_is_quoted(options, message):
    with pytest.raises(InputError, match=message):
        lownet(SHAPE, **options)
