"""The light face network: whose weights it has, and which options it refuses."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks import face_resnet, facelet

SHAPE = (16, 16, 3)


def test_first_blocks_are_those_of_the_face_network(data_dir):
    """Stem, three blocks of 32 and two of 64 channels: 1 + 6 + 4 convolutions."""
    weights = str(data_dir / "weights" / "face_resnet")
    light, whole = facelet(SHAPE, weights=weights), face_resnet(SHAPE, weights=weights)
    shared = 0
    for layer in light.layers:
        if type(layer) is tf.keras.layers.Conv2D:
            name = layer.name.replace("facelet_", "face_resnet_", 1)
            for one, other in zip(layer.weights, whole.get_layer(name).weights, strict=True):
                np.testing.assert_array_equal(one, other)
            shared += 1
    assert shared == 11


def test_each_feature_spans_the_last_map():
    """75 pixels leave 35, 17 and 8 on a side; 19, the least, leave 7, 3 and 1."""
    for options, side, features in (({}, 8, 256), ({"side": 19, "filters": 2}, 1, 128)):
        model = facelet((16, 16, 1), dropout=0.2, **options)
        assert model.get_layer("facelet_map_norm").output_shape == (None, side, side, 64)
        assert model.output_shape == (None, features)


@pytest.mark.parametrize(
    "options",
    [{"side": 18}, {"side": 75.0}, {"filters": 0}, {"filters": True}, {"dropout": 1.0}],
)
def test_unusable_options_are_named(options):
    ((name, value),) = options.items()
    with pytest.raises(InputError, match=f"{name}={value}"):
        facelet(SHAPE, **options)


def test_what_it_cannot_take(tmp_path):
    with pytest.raises(InputError, match="1 or 3 channels"):
        facelet((16, 16, 4))
    with pytest.raises(InputError, match="none.npz is missing"):
        facelet(SHAPE, weights=str(tmp_path / "none.npz"))
