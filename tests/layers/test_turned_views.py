import numpy as np
import pytest

from mtl_lowres.layers import TURNS, MeanOfViews, MirroredViews, TurnedViews

CLIPS = np.random.default_rng(0).random((2, 3, 4, 4, 1), np.float32)


def test_the_eight_views_are_numpys_turns_and_mirrored_turns():
    views = TurnedViews()(CLIPS, training=False).numpy().reshape(TURNS, *CLIPS.shape)
    turns = [np.rot90(CLIPS, quarters, (2, 3)) for quarters in range(4)]
    expected = turns + [turn[:, :, :, ::-1] for turn in turns]
    assert {view.tobytes() for view in views} == {view.tobytes() for view in expected}
    np.testing.assert_array_equal(views[0], CLIPS)


def test_the_mean_is_over_the_views_of_each_clip():
    views = TurnedViews()(CLIPS, training=False)
    features = views.numpy().reshape(TURNS * 2, -1)[:, :5]
    expected = features.reshape(TURNS, 2, 5).mean(axis=0)
    np.testing.assert_allclose(MeanOfViews(TURNS)(features, training=False), expected, rtol=1e-6)


def test_mirrored_views_are_the_image_and_its_mirror_image():
    views = MirroredViews()(CLIPS[0], training=False)
    np.testing.assert_array_equal(views, np.concatenate([CLIPS[0], CLIPS[0][:, :, ::-1]]))


@pytest.mark.parametrize("layer", [TurnedViews(), MirroredViews(), MeanOfViews(TURNS)])
def test_nothing_changes_in_training(layer):
    np.testing.assert_array_equal(layer(CLIPS, training=True), CLIPS)


def test_config_round_trip():
    for layer in (TurnedViews(name="a"), MeanOfViews(TURNS, name="b")):
        assert type(layer).from_config(layer.get_config()).name == layer.name
