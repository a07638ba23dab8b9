"""C3D: its parameters counted by hand, the sizes of its maps, and options that cannot be used."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.c3d import c3d

SHAPE = (16, 112, 112, 3)
# Input and output channels of the eight convolutions.
CHANNELS = [(3, 64), (64, 128), (128, 256), (256, 256), (256, 512)] + 3 * [(512, 512)]


def test_the_published_network_counted_by_hand():
    """In a graph of its own no weight is allocated; with a head of 101 classes it is the 78.41
    million that is known of the network for UCF101."""
    convolutions = sum(27 * inputs * outputs + outputs for inputs, outputs in CHANNELS)
    fc6, fc7 = 4096 * (512 * 1 * 4 * 4 + 1), 4096 * 4097
    assert (convolutions, fc6, fc7) == (27_655_936, 33_558_528, 16_781_312)
    with tf.Graph().as_default():
        tf.random.set_seed(0)  # a graph has a seed of its own, which determinism asks for
        whole, short = c3d(SHAPE), c3d(SHAPE, features="fc6", name="short")
        assert whole.count_params() == convolutions + fc6 + fc7 == 77_995_776
        assert short.count_params() == convolutions + fc6 == 61_214_464
        assert whole.count_params() + 101 * 4097 == 78_409_573
        pools = [whole.get_layer(f"c3d_pool{stage}").output.shape[1:] for stage in range(1, 6)]
    assert pools == [
        (16, 56, 56, 64),
        (8, 28, 28, 128),
        (4, 14, 14, 256),
        (2, 7, 7, 512),
        (1, 4, 4, 512),
    ]


def test_features_end_where_they_are_asked_for():
    """Both are behind a ReLU; fc7 is the dense layer of fc6."""
    whole = c3d((4, 16, 16, 3), width=1 / 32)
    fc6 = c3d((4, 16, 16, 3), width=1 / 32, features="fc6")
    fc6.set_weights(whole.get_weights()[:-2])
    clips = np.random.default_rng(0).random((2, 4, 16, 16, 3), np.float32)
    features = fc6(clips).numpy()
    kernel, bias = whole.get_layer("c3d_fc7").get_weights()
    assert features.shape == (2, 128) and features.min() == 0
    np.testing.assert_allclose(
        whole(clips), np.maximum(features @ kernel + bias, 0), rtol=1e-4, atol=1e-5
    )
    assert not np.allclose(fc6(clips[:, ::-1]), features, atol=1e-4)  # the order of frames matters
    image = c3d((16, 16, 3), width=1 / 32, features="fc6")
    image.set_weights(fc6.get_weights())
    one = c3d((1, 16, 16, 3), width=1 / 32, features="fc6")
    one.set_weights(fc6.get_weights())
    np.testing.assert_array_equal(image(clips[:, 0]), one(clips[:, :1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "pool5"}, "features='pool5' cannot be used: choose fc6 or fc7"),
        ({"width": 0}, "width=0"),
        ({"width": True}, "width=True"),
        ({"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_unusable_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        c3d((4, 16, 16, 3), **options)
