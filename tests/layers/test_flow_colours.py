"""The layer gives the colours of the NumPy function, and survives saving."""

import numpy as np
import tensorflow as tf

from mtl_lowres.data.flow import encode_flow, flow_colours
from mtl_lowres.layers import FlowColours


def test_equals_the_function_of_the_flow_in_pixels():
    rng = np.random.default_rng(0)
    flow = rng.normal(0, 3, (2, 5, 4, 6, 2)).astype(np.float32)  # some beyond the bound
    flow[0, 0] = 0
    flow[0, 1, 0, :4] = [[3, 0], [-3, 0], [0, 3], [0, -3]]
    colours = FlowColours()(encode_flow(flow, 4))
    assert colours.shape == (2, 5, 4, 6, 3) and colours.dtype == tf.float32
    # Beside the seam of the wheel rounding may choose the neighbouring of 55 colours.
    difference = np.abs(colours.numpy() - flow_colours(flow, 4)).max(axis=-1)
    assert np.quantile(difference, 0.98) < 1e-5 and difference.max() < 0.2
    np.testing.assert_array_equal(colours[0, 0], 1)


def test_in_a_saved_model_of_any_batch(tmp_path):
    clip = tf.keras.Input((3, 4, 4, 2))
    model = tf.keras.Model(clip, FlowColours(name="colours")(clip))
    assert model.output_shape == (None, 3, 4, 4, 3)
    model.export(str(tmp_path / "m"))
    flow = np.random.default_rng(1).random((5, 3, 4, 4, 2), np.float32)
    served = tf.saved_model.load(str(tmp_path / "m")).serve(flow)
    np.testing.assert_allclose(served, model(flow), atol=1e-6)
    copy = tf.keras.Model.from_config(model.get_config())
    np.testing.assert_array_equal(copy(flow), model(flow))
