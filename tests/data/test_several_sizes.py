"""One decode for several resolutions: the images that one at a time would give."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.several_sizes import SeveralSizesLoader
from mtl_lowres.data.two_sizes import TwoSizeLoader
from mtl_lowres.errors import InputError

HIGH = parse_recipe("area(8)")
LOWER = [parse_recipe("area(4)|bicubic(8)"), parse_recipe("area(2)|noise(0.1)|bicubic(8)")]


def test_images_are_those_of_two_sizes(bars):
    manifest = pd.concat([bars.head(2), bars.head(1).assign(path="gone.png")])
    loader = SeveralSizesLoader(manifest, HIGH, LOWER, None, 3)
    assert not loader.repeatable and loader.shape == (8, 8, 3)
    rows = tf.range(3, dtype=tf.int64)
    images, ok = loader(rows, 1)
    assert images.shape == (3, 3, 8, 8, 3) and ok.numpy().tolist() == [True, True, False]
    assert not np.any(images[2])
    expected, _ = TwoSizeLoader(manifest, HIGH, LOWER[1], None, 3, False)(rows, 1)
    np.testing.assert_array_equal(images[:2, 0], expected["hr"][:2])
    np.testing.assert_array_equal(images[:2, 2], expected["lr"][:2])
    np.testing.assert_allclose(images[:2, 1], LOWER[0](images[:2, 0]), atol=1e-6)


@pytest.mark.parametrize(
    ("high", "low", "message"),
    [
        ("area(8)", "area(4)", r"'area\(4\)' makes images of \(4, 4\) from .* which are \(8, 8\)"),
        ("blur(1.0)", "blur(1.0)", "does not fix the size"),
    ],
)
def test_refuses_other_sizes(bars, high, low, message):
    with pytest.raises(InputError, match=message):
        SeveralSizesLoader(bars, parse_recipe(high), [parse_recipe(low)], None, 0)
