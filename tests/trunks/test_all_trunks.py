"""What every registered trunk must do; a new trunk adds its parameter count to the table."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, load_model, save_model
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks import list_trunks


class Case:
    """A trunk to be tested.

    Args:
        width: of the features.
        parameters: without a head, counted layer by layer.
        shape: of the input that these are for.
        other_shapes: sizes that give finite features too.
        takes_images: images or clips; else what it takes are features.
        **options: of the trunk.
    """

    def __init__(
        self,
        width,
        parameters,
        /,
        shape=(16, 16, 3),
        other_shapes=((16, 17, 1), (32, 48, 3)),
        takes_images=True,
        **options,
    ):
        self.takes_images = takes_images
        self.width = width
        self.parameters = parameters
        self.shape = shape
        self.other_shapes = other_shapes
        self.options = options


TABLE = {
    # 896 + 18,496 + 73,856 + 262,272 + 8,256
    "lownet": Case(64, 363_776),
    # As lownet with 2x2x128 = 512 inputs of the first dense layer: 65,664
    "cnn3": Case(64, 167_168),
    # 456 + 2,416 + 30,840 + 10,164
    "lenet": Case(84, 43_876),
    # 1,728 + 2 * 36,864 + 3 norms of 4 * 64
    "resnet1": Case(64, 76_224),
    # 1,728 + 4 * 36,864 + 5 norms of 4 * 64
    "resnet2": Case(64, 150_464),
    # 896 + 18,496 + 73,856 + 2,048 * 120 + 120 + 7,744
    "steadynet": Case(64, 346_872),
    # 3 * 36 + 4, 4 * 72 + 8 and 8 * 108 + 12
    "backbone": Case(12, 1_284, backbone="steadynet(filters=(4, 8, 12))"),
    # Convolutions 57,600, norms 732, dense layer 49,280, two GRUs of 37,248; two stacks of frames
    "clipnet": Case(
        128,
        182_108,
        shape=(8, 16, 16, 3),
        other_shapes=((16, 17, 1), (4, 32, 48, 3)),
    ),
    # Convolutions 328 + 872 + 3,472 + 6,928 + 13,856 + 3 * 27,680, all 32 of one place to 256; 256
    # to 256
    "c3d": Case(
        256, 182_736, shape=(4, 16, 16, 3), other_shapes=((16, 17, 1), (9, 12, 16, 3)), width=1 / 16
    ),
    # Convolutions 2,432 + 7,232 + 2 * 51,264 + 2 * 204,928, norms 2 * 896, dense layer 16,512
    "semi_coupled_fusion": Case(128, 540_352, shape=(3, 8, 8, 5), other_shapes=((4, 9, 16, 5),)),
    # Input norm 12, others 8 * 112; convolutions 768 + 768, 4,608 + 3,072, 18,432 + 12,288
    "c2plus1d": Case(256, 40_844, shape=(4, 16, 16, 3), other_shapes=((16, 17, 1), (3, 16, 19, 3))),
    # Looks of 15 and 10 channels: convolutions 2,736 and 2,256, norms 164 and 144; dense layer
    # 96 * 16 + 16; two GRUs of 16 inputs and 8 states with three gates and two biases
    "two_stream": Case(
        16,
        8_100,
        shape=(8, 16, 16, 5),
        other_shapes=((16, 17, 5), (4, 16, 19, 5)),
        stream="stacks(filters=(6, 8, 12))",
        units=16,
        recurrent_units=8,
    ),
    # Four GRUs of 6 inputs and 5 states with three gates and two biases
    "two_stream_rnn": Case(
        5, 780, shape=(4, 12), other_shapes=((3, 6), (1, 2)), takes_images=False, hidden=5
    ),
    # Convolutions 23,296 + 307,392 + 663,936 + 884,992 + 590,080; dense 256 * 32 + 32, 33 * 32
    "alexnet": Case(32, 2_478_976, other_shapes=((24, 17, 1),), units=32),
    # Convolutions 1,792 + 73,856 + 295,168 + 1,180,160, units 294,912 + 2 * 1,179,648,
    # PReLU 960 + 2 * 128 + 4 * 256, dense layer 512 * 32 + 32
    "spherenet": Case(
        32, 4_223_840, other_shapes=((9, 17, 1), (112, 96, 3)), layers=10, embedding=32
    ),
    # Stem 4,736; 3 blocks of 32, 4 of 64, 3 of 128, 4 of 256; embedding 256 * 128
    "face_resnet": Case(128, 5_607_488, other_shapes=((24, 17, 1),)),
    # Stem 4,736; 3 blocks of 32, two of 64; norm 256; 64 * 4 filters of 8x8 and biases; norm 1,024
    "facelet": Case(256, 207_424, other_shapes=((24, 17, 1), (103, 80, 3))),
    # Mean and deviation 2 * 12; dense layers 12 * 24 + 24 and 24 * 8 + 8
    "feature_transfer": Case(
        8, 536, shape=(12,), other_shapes=((3,), (40,)), takes_images=False, fc1=24, fc2=8
    ),
    # Backbone 448 + 4,640 + 18,496; separable 2 * (576 + 4,096 + 64); spatial attention 2 * 18;
    # norm 256; dense layer 65,600; LSTM 4 * (112 * 48 + 48); attention 2 * 48 * 32 + 65
    "mtdnn": Case(
        64 + 2 * 48,
        123_781,
        shape=(4, 16, 16, 3),
        other_shapes=((16, 17, 1), (1, 32, 48, 3)),
        backbone="steadynet",
        filters=64,
        lstm_units=48,
        frame_units=64,
    ),
}


# Of a module, so that all tests of a trunk follow each other and one process builds it once.
@pytest.fixture(params=list_trunks(), scope="module")
def name(request):
    return request.param


def _new_trunk(trunk, shape=None, **options):
    case = TABLE[trunk]
    return TRUNKS.get(trunk)(shape or case.shape, **case.options, **options)


@functools.cache
def _trunk(name):
    return _new_trunk(name)


@functools.cache
def _model(name):
    case = TABLE[name]
    tf.keras.utils.set_random_seed(0)
    return build_model(name, {"posture": Posture(5)}, case.shape, **case.options)


def _inputs(shape, count=4):
    return np.random.default_rng(0).random((count, *shape), np.float32)


def test_features_and_parameters(name):
    model = _trunk(name)
    assert model.output_shape == (None, TABLE[name].width)
    assert model.count_params() == TABLE[name].parameters


def test_other_sizes_give_finite_features(name):
    for shape in TABLE[name].other_shapes:
        features = _new_trunk(name, shape)(_inputs(shape, 2)).numpy()
        assert features.shape == (2, TABLE[name].width)
        assert np.isfinite(features).all()


def test_every_trainable_weight_gets_a_gradient(name):
    model = _model(name)
    with tf.GradientTape() as tape:
        outputs = model(_inputs(TABLE[name].shape), training=True)
        loss = model.heads["posture"].loss()([0, 1, 2, 3], outputs["posture"])
    gradients = tape.gradient(loss, model.trainable_variables)
    without = [
        v.name
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if g is None or not np.isfinite(g).all() or not np.any(g)
    ]
    assert not without


def test_save_load_save_load_gives_equal_outputs(name, tmp_path):
    model = _model(name)
    for weight in model.weights:
        if weight.shape.rank == 1:  # norms and biases must not be left at their initial values
            weight.assign_add(tf.random.uniform(weight.shape, 0, 0.1))
    save_model(model, tmp_path / "a")
    once = load_model(tmp_path / "a")
    save_model(once, tmp_path / "b")
    twice = load_model(tmp_path / "b")
    inputs = _inputs(TABLE[name].shape)
    expected = model(inputs)["posture"]
    np.testing.assert_array_equal(once(inputs)["posture"], expected)
    np.testing.assert_array_equal(twice(inputs)["posture"], expected)
    assert twice.description == model.description


def test_serves_batches_of_any_size_as_a_saved_model(name, tmp_path):
    """And twice the same of one batch, as does the model here."""
    model = _trunk(name)
    module = tf.Module()
    module.weights = model.variables
    signature = [tf.TensorSpec((None, *TABLE[name].shape))]
    module.features = tf.function(lambda x: model(x, training=False), input_signature=signature)
    tf.saved_model.save(module, tmp_path)
    served = tf.saved_model.load(tmp_path)
    for count in (1, 4):
        inputs = _inputs(TABLE[name].shape, count)
        expected, answers = model(inputs), served.features(inputs)
        np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(served.features(inputs), answers)
        np.testing.assert_array_equal(model(inputs, training=False), expected)


def test_two_in_one_graph(name):
    """Flat in one graph, as build_model joins them, no two layers have the same name."""
    first, second = _trunk(name), _new_trunk(name, name="left")
    for trunk, prefix in ((first, name), (second, "left")):
        assert trunk.name == prefix
        assert all(layer.name.startswith(f"{prefix}_") for layer in trunk.layers)
    both = tf.keras.Model([first.input, second.input], [first.output, second.output])
    assert both.count_params() == 2 * first.count_params()


@pytest.mark.parametrize("shape", [(16, 15), (16, None, 3), (16, 0, 3), (16, 16.0, 3)])
def test_refuses_a_wrong_shape(name, shape):
    images, features = r"\(height, width, channels\)", r"\((units, )?features,?\)"
    wanted = images if TABLE[name].takes_images else features
    with pytest.raises(InputError, match=rf"input_shape=.*{wanted}"):
        _new_trunk(name, shape)
