"""Turned views of clips with flow: the vectors turn with the images."""

import numpy as np
import tensorflow as tf

from mtl_lowres.layers import TURNS, TurnedFlowViews, TurnedViews

CLIPS = np.random.default_rng(0).random((2, 3, 4, 4, 5), np.float32)


def test_frames_are_those_of_turned_views():
    frames = TurnedViews()(CLIPS[..., :3], training=False)
    np.testing.assert_array_equal(TurnedFlowViews()(CLIPS, training=False)[..., :3], frames)


def test_flow_of_a_turned_clip_is_the_turned_flow():
    """A dot that goes right and down a turned image still goes where its vector points."""
    dot, vector = np.array([1, 2]), np.array([1, 0])  # row, column; the way to go, likewise
    clip = np.zeros((1, 1, 5, 5, 5), np.float32)
    clip[0, 0, dot[0], dot[1], :3] = 1
    clip[..., 3:] = 0.5 + 0.5 * vector[::-1]
    target = np.zeros_like(clip)
    target[0, 0, *(dot + vector), :3] = 1
    views = TurnedFlowViews()(clip, training=False).numpy()
    targets = TurnedFlowViews()(target, training=False).numpy()
    for view, after in zip(views[:, 0], targets[:, 0], strict=True):
        start, end = (np.argwhere(image[..., 0])[0] for image in (view, after))
        dx, dy = 2 * (view[*start, 3:] - 0.5)
        np.testing.assert_array_equal(end - start, [dy, dx])
    directions = {tuple(view[0, 0, 0, 3:]) for view in views}
    assert directions == {(0.5, 1), (0.5, 0), (1, 0.5), (0, 0.5)}


def test_training_leaves_clips_alone():
    np.testing.assert_array_equal(TurnedFlowViews()(CLIPS, training=True), CLIPS)


def test_the_batch_size_may_be_unknown():
    inputs = tf.keras.Input((3, 4, 4, 5))
    model = tf.keras.Model(inputs, TurnedFlowViews()(inputs))
    assert model.predict(CLIPS, verbose=0).shape == (2 * TURNS, 3, 4, 4, 5)
