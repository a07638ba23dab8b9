import pytest
import tensorflow as tf

from mtl_lowres.registry import TRUNKS

SHAPE = (16, 16, 3)
POOLINGS = (tf.keras.layers.MaxPooling2D, tf.keras.layers.GlobalAveragePooling2D)


@pytest.mark.parametrize(
    ("name", "convolutions", "poolings", "first_stride"),
    [
        ("lenet", 2, 2, 1),
        ("resnet1", 3, 1, 2),
        ("resnet2", 5, 1, 2),
        ("cnn3", 3, 3, 1),
        ("lownet", 3, 2, 1),
    ],
)
def test_what_the_table_defines(name, convolutions, poolings, first_stride):
    layers = TRUNKS.get(name)(SHAPE).layers
    found = [layer for layer in layers if isinstance(layer, tf.keras.layers.Conv2D)]
    assert len(found) == convolutions
    assert sum(isinstance(layer, POOLINGS) for layer in layers) == poolings
    assert [layer.strides[0] for layer in found] == [first_stride] + [1] * (convolutions - 1)
