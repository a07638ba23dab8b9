import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.layers import FoldFrames, MeanOverFrames, UnfoldFrames

CLIPS = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


def test_frames_of_a_clip_stay_in_a_row():
    np.testing.assert_array_equal(FoldFrames()(CLIPS), CLIPS.reshape(6, 4, 5))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_unfolding_undoes_folding(count):
    clips = CLIPS[:count]
    np.testing.assert_array_equal(UnfoldFrames(3)(FoldFrames()(clips)), clips)


def test_static_shapes_are_kept():
    clip = tf.keras.Input((3, 4, 5))
    frames = FoldFrames()(clip)
    assert frames.shape == (None, 4, 5)
    assert UnfoldFrames(3)(frames).shape == (None, 3, 4, 5)
    assert MeanOverFrames()(clip).shape == (None, 4, 5)


def test_mean_over_frames():
    np.testing.assert_allclose(MeanOverFrames()(CLIPS), CLIPS.mean(axis=1))


def test_config_round_trip():
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(UnfoldFrames(7)))
    assert copy.frames == 7
