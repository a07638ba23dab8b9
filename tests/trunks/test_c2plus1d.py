"""The light (2+1)-D trunk: what is left at each stage, time, images, unusable options."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.c2plus1d import c2plus1d

CLIPS = np.random.default_rng(0).random((2, 8, 16, 16, 3), np.float32)


def test_maps_of_each_stage():
    model = c2plus1d((16, 16, 16, 5), name="c")
    shapes = [model.get_layer(name).output_shape[1:] for name in ("c_time1_relu", "c_pool2")]
    assert shapes == [(16, 8, 8, 16), (8, 4, 4, 32)]
    assert model.get_layer("c_pool3").output_shape[1:] == (4, 2, 2, 64)


def test_each_convolution_is_in_space_or_in_time():
    model = c2plus1d((8, 16, 16, 3), name="c")
    sizes = [layer.kernel_size for layer in model.layers if layer.name.endswith("_conv")]
    assert sizes == [(1, 4, 4), (3, 1, 1), *2 * [(1, 3, 3), (3, 1, 1)]]


def test_the_order_of_the_frames_matters():
    model = c2plus1d((8, 16, 16, 3))
    assert not np.allclose(model(CLIPS), model(CLIPS[:, ::-1]), atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_clips_of_few_frames(frames):
    assert c2plus1d((frames, 12, 16, 3))(CLIPS[:, :frames, :12]).shape == (2, 1 * 2 * 64)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8, 7, 16, 3), {}, "at least 8 pixels"),
        ((8, 16, 16, 3), {"filters": (8, 16)}, "three widths"),
        ((8, 16, 16, 3), {"filters": (8, 16, 0)}, "filters must be"),
        ((8, 16, 16, 3), {"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_unusable_options_are_named(shape, options, message):
    with pytest.raises(InputError, match=message):
        c2plus1d(shape, **options)
