import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.augment import list_augmentations, parse_augment
from mtl_lowres.errors import InputError

SEED = tf.constant([3, 4])
EXAMPLES = {
    "aspect": "aspect(0.1)",
    "blend": "blend(0.5)",
    "brightness": "brightness(0.1, per_channel=True)",
    "contrast": "contrast(0.1)",
    "cutout": "cutout(4)",
    "flip": "flip(0.5)",
    "gain": "gain(0.2)",
    "gamma": "gamma(0.2)",
    "mixup": "mixup(0.2)",
    "nearest": "nearest()|rotate(10)",
    "noise": "noise(0.02)",
    "rotate": "rotate(10)",
    "scale": "scale(0.1)",
    "shift": "shift(1)",
    "turn": "turn()",
}
# turn() takes square images only.
EVERYTHING = "|".join(text for name, text in EXAMPLES.items() if name != "turn")


def batch(size=8, width=12):
    return tf.constant(np.random.default_rng(0).random((size, 16, width, 3), np.float32))


def test_every_operation_has_an_example():
    assert list_augmentations() == sorted(EXAMPLES)


@pytest.mark.parametrize("text", [*EXAMPLES.values(), EVERYTHING])
def test_same_seed_same_result_in_range_eagerly_and_in_a_graph(text):
    augmentation = parse_augment(text)
    images = batch(width=16 if augmentation.square_only else 12)
    result = augmentation.images(images, SEED)
    assert result.shape == images.shape
    assert 0 <= result.numpy().min() <= result.numpy().max() <= 1
    np.testing.assert_array_equal(result, augmentation.images(images, SEED))
    in_graph = tf.function(augmentation.images)(images, SEED)
    assert in_graph.shape == images.shape
    np.testing.assert_allclose(in_graph, result, atol=1e-5)
    if text not in (EXAMPLES["mixup"], EXAMPLES["blend"]):  # these need other images
        other = augmentation.images(images, tf.constant([3, 5]))
        assert np.abs(other - result).max() > 1e-3


@pytest.mark.parametrize("text", [*EXAMPLES.values(), EVERYTHING])
def test_all_frames_of_a_clip_are_changed_alike(text):
    """A clip that stands still stays still, and is changed as its only frame would be."""
    augmentation = parse_augment(text)
    images = batch(width=16)
    clips = tf.repeat(images[:, tf.newaxis], 3, axis=1)
    result = augmentation.images(clips, SEED)
    assert result.shape == clips.shape
    alone = augmentation.images(images, SEED)
    for frame in range(3):
        np.testing.assert_allclose(result[:, frame], alone, atol=1e-6)
    np.testing.assert_array_equal(augmentation.images(clips[:, :1], SEED)[:, 0], alone)
    in_graph = tf.function(augmentation.images)(clips, SEED)
    np.testing.assert_allclose(in_graph, result, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (1, 1, 1, 3), (2, 1, 7, 1)])
def test_odd_batches(shape):
    augmentation = parse_augment(EVERYTHING)
    images = tf.fill(shape, 0.5)
    result = augmentation.images(images, SEED)
    assert result.shape == shape
    mixed, labels, weights = augmentation.mix(
        result, {"age": tf.ones([shape[0]])}, {"age": tf.ones([shape[0]])}, SEED
    )
    assert mixed.shape == shape
    np.testing.assert_allclose(labels["age"], np.ones(shape[0]), atol=1e-6)
    np.testing.assert_allclose(weights["age"], np.ones(shape[0]), atol=1e-6)


def test_unknown_sizes_in_a_graph():
    augmentation = parse_augment(EVERYTHING)
    spec = tf.TensorSpec([None, None, None, 3])
    changed = tf.function(lambda images: augmentation.images(images, SEED), [spec])
    np.testing.assert_allclose(changed(batch()), augmentation.images(batch(), SEED), atol=1e-5)


def test_at_chooses_the_image():
    augmentation = parse_augment('flip(1, at="hr")|brightness(0.1)')
    assert augmentation.has_hr
    high = augmentation.images(batch(), SEED, at="hr")
    np.testing.assert_array_equal(high, batch()[:, :, ::-1])
    low = augmentation.images(batch() * 0.5 + 0.2, SEED)
    assert np.ptp(low - (batch() * 0.5 + 0.2), axis=(1, 2, 3)).max() < 1e-5
    assert not parse_augment("flip(1)").has_hr
    images = batch()
    assert parse_augment("flip(1)").images(images, SEED, at="hr") is images


def test_equal_operations_in_one_text_draw_differently():
    gray = tf.fill([4, 8, 8, 1], 0.5)
    once = parse_augment("noise(0.01)").images(gray, SEED) - 0.5
    twice = parse_augment("noise(0.01)|noise(0.01)").images(gray, SEED) - 0.5
    assert np.abs(twice - 2 * once).max() > 1e-3


def test_mixup_mixes_images_labels_and_weights_with_one_share_a_pair():
    """Image i is filled with i / 10 and labelled i, so that all must show the same mixture."""
    size = 10
    numbers = np.arange(size, dtype=np.float32)
    images = tf.constant(np.tile((numbers / 10)[:, None, None, None], (1, 2, 2, 3)))
    labels = {"age": tf.constant(numbers), "posture": tf.one_hot(range(size), size)}
    weights = {"age": tf.constant(numbers + 1), "posture": tf.ones([size])}
    augmentation = parse_augment("mixup(1)")
    assert augmentation.mixes
    mixed, new_labels, new_weights = augmentation.mix(images, labels, weights, SEED)
    ages = new_labels["age"].numpy()
    np.testing.assert_allclose(mixed[:, 0, 0, 0] * 10, ages, atol=1e-5)
    np.testing.assert_allclose(new_weights["age"], ages + 1, atol=1e-5)
    np.testing.assert_allclose(new_labels["posture"] @ numbers[:, None], ages[:, None], atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(new_labels["posture"], axis=1), 1, atol=1e-6)
    assert ages.sum() != pytest.approx(numbers.sum(), abs=1e-3)
    np.testing.assert_array_equal(ages, augmentation.mix(images, labels, weights, SEED)[1]["age"])


def test_a_pair_with_a_missing_label_has_weight_zero():
    size = 50
    known = np.arange(size) % 2
    weights = {"posture": tf.constant(known, tf.float32), "age": tf.ones([size])}
    labels = {"posture": tf.one_hot(range(size), size), "age": tf.zeros([size])}
    images = tf.zeros([size, 1, 1, 1])
    _, new_labels, new_weights = parse_augment("mixup(1)").mix(images, labels, weights, SEED)
    ingredients = new_labels["posture"].numpy() > 0
    both_known = ~(ingredients & (known == 0)).any(axis=1)
    np.testing.assert_allclose(new_weights["posture"], both_known, atol=1e-6)
    assert 0 < both_known.sum() < known.sum()
    np.testing.assert_allclose(new_weights["age"], 1, atol=1e-6)


def test_mix_without_mixup_changes_nothing():
    augmentation = parse_augment("flip")
    assert not augmentation.mixes
    images = batch()
    assert augmentation.mix(images, {}, {}, SEED)[0] is images


def test_integer_labels_cannot_be_mixed():
    with pytest.raises(ValueError, match="int32 for 'posture': pass tf.one_hot"):
        parse_augment("mixup(0.2)").mix(batch(), {"posture": tf.range(8)}, {}, SEED)


def test_text_and_equality():
    augmentation = parse_augment("flip( 0.5 )|cutout(side=4)")
    assert augmentation.text == "flip(0.5)|cutout(side=4)"
    assert augmentation == parse_augment("flip(0.5)|cutout(side = 4)") != parse_augment("flip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("flop(0.5)", "did you mean 'flip'"),
        ("flip(1.5)", "from 0 to 1, got 1.5"),
        ("shift()", r"written shift\(pixels, whole=False\)"),
        ("shift(-1)", "got -1"),
        ("shift(1.5, whole=True)", "an integer of at least 0, got 1.5"),
        ("shift(1, whole=2)", "True or False, got 2"),
        ("rotate(200)", "got 200"),
        ("scale(1)", "got 1"),
        ("brightness('a')", "got 'a'"),
        ("contrast(0.1, per_channel=1)", "got 1"),
        ("gamma(-1)", "got -1"),
        ("flip(axis='up')", "got 'up'"),
        ("turn(at='hr')", "square images"),
        ("noise(0.1, per_channel=2)", "got 2"),
        ("cutout(0)", "got 0"),
        ("cutout(2.0)", "got 2.0"),
        ("mixup(0)", "got 0"),
        ("flip(at='mr')", 'at must be "lr" or "hr", got \'mr\''),
        ("mixup(0.2, at='hr')", "leave out at="),
    ],
)
def test_wrong_arguments(text, message):
    with pytest.raises(InputError, match=message) as raised:
        parse_augment(text)
    assert "\n" not in str(raised.value)


def _clip_that_moves(x, y):
    """Two frames whose left half is brighter; everything moves by (x, y), encoded with bound 4."""
    clip = np.zeros((1, 2, 8, 8, 5), np.float32)
    clip[..., :4, :3] = 0.8
    clip[..., 3], clip[..., 4] = 0.5 + x / 8, 0.5 + y / 8
    return tf.constant(clip)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flip(1)", (-1, 2)),
        ('flip(1, axis="vertical")', (1, -2)),
        ('flip(1)|flip(1, axis="vertical")', (-1, -2)),
        ("shift(2, whole=True)", (1, 2)),
        ("contrast(0.5)|noise(0.2)|brightness(0.3)", (1, 2)),
    ],
)
def test_flow_goes_the_way_of_the_image(text, expected):
    result = parse_augment(text).images(_clip_that_moves(1, 2), SEED)
    np.testing.assert_allclose((result[0, 0, 3, 3, 3:] - 0.5) * 8, expected, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_a_quarter_turn_turns_vectors_as_it_turns_the_image(seed):
    """What moves away from the bright side still does when image and flow are turned."""
    result = parse_augment("turn()").images(_clip_that_moves(1, 0), tf.constant([seed, 1]))
    bright = result[0, 0, ..., 0].numpy() > 0.4
    rows, columns = np.nonzero(bright)
    away = np.array([3.5 - columns.mean(), 3.5 - rows.mean()])
    vector = (result[0, 0, 4, 4, 3:].numpy() - 0.5) * 8
    np.testing.assert_allclose(vector, away / np.linalg.norm(away), atol=1e-5)


def test_scale_lengthens_vectors():
    """An image enlarged by a factor moves by more pixels; the factor is read off the image."""
    places = np.linspace(0, 0.5, 16, dtype=np.float32)
    clip = np.zeros((1, 1, 16, 16, 5), np.float32)
    clip[..., :3] = places[:, None]
    clip[..., 3:] = 0.6
    result = parse_augment("scale(0.3)").images(tf.constant(clip), SEED)[0, 0].numpy()
    factor = (places[9] - places[6]) / (result[8, 9, 0] - result[8, 6, 0])
    assert abs(factor - 1) > 0.02
    np.testing.assert_allclose(result[8, 8, 3:], 0.5 + 0.1 * factor, rtol=1e-4)
