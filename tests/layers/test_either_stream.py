"""Streams that learn apart: one of each sample in training, both at prediction."""

import numpy as np
import tensorflow as tf

from mtl_lowres.layers import EitherStream

FIRST = np.random.default_rng(0).uniform(1, 2, (500, 2, 3)).astype(np.float32)
SECOND = FIRST[::-1].copy()


def test_training_sees_one_stream_of_each_sample_unchanged():
    tf.keras.utils.set_random_seed(0)
    first, second = (x.numpy() for x in EitherStream(0.7)([FIRST, SECOND], training=True))
    chosen = first[:, 0, 0] > 0
    np.testing.assert_array_equal(first, np.where(chosen[:, None, None], FIRST, 0))
    np.testing.assert_array_equal(second, np.where(chosen[:, None, None], 0, SECOND))
    # Five standard deviations of a share of 500 draws
    assert abs(chosen.mean() - 0.7) < 5 * np.sqrt(0.7 * 0.3 / 500)


def test_prediction_sees_both_and_weighs_the_second():
    first, second = EitherStream(0.7, 0.25)([FIRST, SECOND], training=False)
    np.testing.assert_array_equal(first, FIRST)
    np.testing.assert_array_equal(second, 0.25 * SECOND)


def test_config_round_trip():
    config = EitherStream.from_config(EitherStream(0.6, 0.2, name="a").get_config()).get_config()
    assert (config["name"], config["share"], config["weight"]) == ("a", 0.6, 0.2)
