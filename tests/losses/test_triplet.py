import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses import TripletCrossEntropy
from mtl_lowres.losses.triplet import MINED_TOGETHER, semihard_triplet


def on_circle(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def distance(degrees):
    return 2 * np.sin(np.radians(degrees) / 2)


def reference(labels, embeddings, margin):
    """Semi-hard mining in loops, as FaceNet and TensorFlow Addons define it."""
    gaps = np.linalg.norm(embeddings[:, None].astype(float) - embeddings[None], axis=-1)
    losses = []
    for anchor, positive in np.argwhere(labels[:, None] == labels[None]):
        if anchor == positive:
            continue
        negatives = gaps[anchor, labels != labels[anchor]]
        outside = negatives[negatives > gaps[anchor, positive]]
        nearest = outside.min() if len(outside) else negatives.max()
        losses.append(max(gaps[anchor, positive] - nearest + margin, 0))
    return np.mean(losses)


def random_case(samples, classes=3, seed=0):
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(samples, 4))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return random.integers(0, classes, samples), embeddings.astype(np.float32)


def test_by_hand():
    """Anchor 0 deg, positive 20, negative 30 and 60: from 0 the next beyond 20 is 30.

    From 20 the nearest negative beyond 20 deg is the one at 60, 40 away. The two negatives are of
    two other people, so that they are anchors of no pair.
    """
    expected = np.mean([distance(20) - distance(30) + 0.5, distance(20) - distance(40) + 0.5])
    result = semihard_triplet(tf.constant([7, 7, 1, 2]), on_circle(0, 20, 30, 60), 0.5)
    assert float(result) == pytest.approx(expected, rel=1e-4)


def test_agrees_with_mining_in_loops():
    labels, embeddings = random_case(24)
    expected = reference(labels, embeddings, 0.3)
    assert float(semihard_triplet(labels, embeddings, 0.3)) == pytest.approx(expected, rel=1e-4)


def test_many_samples_are_mined_in_interleaved_parts():
    labels, embeddings = random_case(2 * MINED_TOGETHER + 1)
    parts = [reference(labels[k::3], embeddings[k::3], 0.3) for k in range(3)]
    result = float(semihard_triplet(labels, embeddings, 0.3))
    assert result == pytest.approx(np.mean(parts), rel=1e-4)


@pytest.mark.parametrize(
    ("labels", "graph"),
    [([], False), ([0], False), ([0, 0, 0], False), ([0, 1, 2], False), ([], True)],
)
def test_no_triplet_costs_nothing(labels, graph):
    embeddings = tf.Variable(on_circle(*range(len(labels))))
    function = tf.function(semihard_triplet) if graph else semihard_triplet
    with tf.GradientTape() as tape:
        loss = function(tf.constant(labels, tf.int64), embeddings, 0.3)
    gradient = tape.gradient(loss, embeddings)
    assert float(loss) == 0
    assert gradient is None or not np.any(tf.convert_to_tensor(gradient))


def test_loss_is_triplet_plus_cross_entropy_of_the_labelled():
    labels, embeddings = random_case(8)
    p = np.random.default_rng(1).dirichlet(np.ones(3), 8).astype(np.float32)
    output = np.concatenate([p, embeddings], axis=1)
    known = np.array([1, 1, 0, 1, 1, 1, 0, 1], bool)
    cross_entropy = -np.log(p[np.arange(8), labels])[known].mean()
    expected = cross_entropy + reference(labels[known], embeddings[known], 0.4)
    missing = np.where(known, labels, 0)
    result = float(TripletCrossEntropy(3, margin=0.4)(missing, output, known.astype(np.float32)))
    assert result == pytest.approx(expected, rel=1e-4)


def test_equal_embeddings_have_a_finite_gradient():
    output = tf.Variable(np.tile(np.float32([0.5, 0.5, 1, 0]), [4, 1]))
    with tf.GradientTape() as tape:
        loss = TripletCrossEntropy(2)([0, 0, 1, 1], output)
    assert np.isfinite(tape.gradient(loss, output)).all()


@pytest.mark.parametrize("margin", [0, -0.1, 2.1, float("nan")])
def test_margin_out_of_range(margin):
    with pytest.raises(InputError, match=f"margin={margin}"):
        TripletCrossEntropy(3, margin=margin)
