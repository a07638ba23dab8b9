import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses import FeatureCosine, FeatureL2, Relational

TEACHER = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
STUDENT = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)


def test_l2_by_hand():
    """Means over two numbers of 1 and 4, and of 9 and 0."""
    loss = FeatureL2()([[1.0, 2.0], [0.0, 0.0]], tf.constant([[0.0, 0.0], [3.0, 0.0]]))
    assert float(loss) == pytest.approx((2.5 + 4.5) / 2)


def test_cosine_by_hand():
    """Parallel, at a right angle and opposite, whatever the lengths; a zero vector counts as 1."""
    student = tf.constant([[2.0, 0.0], [0.0, 5.0], [-0.1, 0.0], [0.0, 0.0]])
    loss = FeatureCosine().call(tf.constant([[3.0, 0.0]] * 4), student)
    np.testing.assert_allclose(loss, [0, 1, 2, 1], atol=1e-6)


def test_relational_by_hand():
    """Points 0, 1, 3 on a line: distances 1, 2, 3 over their mean 2.

    The student's 0, 1, 11 give 1, 10, 11 over 22/3: the differences 0.3636, 0.3636 and 0 are all
    below 1, so half their squares count.
    """
    teacher, student = np.array([[0.0], [1], [3]]), tf.constant([[0.0], [1], [11]])
    differences = np.array([1, 2, 3]) / 2 - np.array([1, 10, 11]) / (22 / 3)
    expected = (differences**2 / 2).mean()
    assert float(Relational()(teacher, student)) == pytest.approx(expected, rel=1e-5)


def test_relational_is_linear_for_large_differences():
    """Of three pairs the teacher has one distance 0, 3/2 and 3/2; the student 3, 0 and 0."""
    teacher = np.array([[0.0, 0], [0, 0], [1, 0], [1, 0]])[[0, 1, 2]]
    student = tf.constant([[0.0, 0], [0, 9], [0, 4.5]])
    relative = np.array([9, 4.5, 4.5]) / 6
    difference = np.abs(np.array([0, 1.5, 1.5]) - relative)
    expected = np.where(difference <= 1, difference**2 / 2, difference - 0.5).mean()
    assert float(Relational()(teacher, student)) == pytest.approx(expected, rel=1e-4)


def test_relational_sees_no_rotation_offset_or_factor():
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0].astype(np.float32)
    student = tf.constant(3 * TEACHER @ rotation + 1)
    assert float(Relational()(TEACHER, student)) == pytest.approx(0, abs=1e-9)
    wider = tf.concat([student, tf.ones([5, 2])], axis=-1)
    assert float(Relational()(TEACHER, wider)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("loss", [FeatureL2(), FeatureCosine(), Relational()])
def test_labels_of_weight_0_may_be_anything(loss):
    teacher = TEACHER.copy()
    teacher[[1, 3]] = np.nan
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        value = loss(teacher, student, [[1.0], [0], [1], [0], [1]])
    expected = float(loss(TEACHER[::2], tf.constant(STUDENT[::2])))
    assert float(value) == pytest.approx(expected, rel=1e-5)
    if isinstance(loss, Relational):
        gradient = tf.convert_to_tensor(tape.gradient(value, student)).numpy()
        assert np.isfinite(gradient).all()
        assert not gradient[[1, 3]].any()


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_equal_embeddings_have_a_finite_relational_gradient(samples):
    student = tf.Variable(np.ones([samples, 3], np.float32))
    with tf.GradientTape() as tape:
        value = Relational()(TEACHER[:samples], student)
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, student)).all()


@pytest.mark.parametrize("loss", [FeatureL2(), FeatureCosine()])
def test_another_width_is_refused(loss):
    with pytest.raises(InputError, match="has 4 numbers and the student's 3: .* width=4"):
        loss(TEACHER, tf.constant(STUDENT[:, :3]))
