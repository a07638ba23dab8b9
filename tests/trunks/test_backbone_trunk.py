"""The trunk that averages the map of a backbone: what it averages, and what of it learns."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.backbone import _with_top, backbone

SHAPE = (32, 32, 3)
TINY = "steadynet(filters=(2, 3, 4))"


def test_features_are_the_mean_of_the_map():
    trunk = backbone(SHAPE, backbone=TINY)
    images = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    maps = trunk.get_layer("backbone_network")(images)
    assert maps.shape == (2, 8, 8, 4)
    np.testing.assert_allclose(trunk(images), np.mean(maps, axis=(1, 2)), rtol=1e-5)


def test_stages_are_means_and_deviations_of_the_last_map_of_each_size():
    trunk = backbone(SHAPE, backbone=TINY, features="stages")
    images = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    earlier, last = trunk.get_layer("backbone_network")(images)
    assert earlier.shape == (2, 16, 16, 3) and last.shape == (2, 8, 8, 4)
    parts = [np.mean(earlier, (1, 2)), np.std(earlier, (1, 2)), np.mean(last, (1, 2))]
    np.testing.assert_allclose(trunk(images), np.hstack(parts), rtol=1e-4, atol=1e-6)
    lite = backbone((64, 64, 3), features="stages")
    assert lite.output_shape == (None, 2 * (96 + 144 + 240 + 672) + 1280)


def test_efficientnet_lite0_ends_in_what_its_classifier_reads():
    trunk = backbone(SHAPE, train_batch_norm=False)
    assert trunk.output_shape == (None, 1280)
    network = trunk.get_layer("backbone_network")
    norms = [x for x in network.layers if isinstance(x, tf.keras.layers.BatchNormalization)]
    assert len(norms) == 49 and not any(norm.trainable_weights for norm in norms)
    assert trunk.trainable_weights
    assert not backbone(SHAPE, backbone=TINY, trainable=False).trainable_weights


def test_the_last_convolution_can_be_left_out():
    assert _with_top("efficientnet_lite0(drop_connect=0.1)").startswith("efficientnet_lite0(top=Tr")
    for text in ("efficientnet_lite0(top=False)", TINY):
        assert _with_top(text) == text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "steadynett"}, "did you mean 'steadynet'"),
        ({"backbone": "steadynet(depth=3)"}, "has no option 'depth'"),
        ({"backbone": "steadynet|lownet"}, "write one name"),
        ({"features": "all"}, "features='all' cannot be used"),
        ({"backbone": TINY, "weights": "imagenet"}, "has no published weights"),
    ],
)
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(InputError, match=message):
        backbone(SHAPE, **options)
