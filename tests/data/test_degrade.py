import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import list_degradations, parse_recipe, sample_seed
from mtl_lowres.registry import DEGRADATIONS

# One recipe an operation; every registered operation must have one.
EXAMPLES = {
    "area": "area(13, 7)",
    "bicubic": "bicubic(1/7)|bicubic(28, antialias=False)",
    "bilinear": "bilinear(15)|bilinear(31, antialias=False)",
    "lanczos": "lanczos(19)|lanczos(9, antialias=False)",
    "nearest": "nearest(20)",
    "blur": "blur(0.8)|area(16)|noise(0.02)|quantize(8)",
    "noise": "noise(0.1)|noise(0.1)",
    "poisson": "poisson(30)",
    "quantize": "quantize(7)",
    "jpeg": "jpeg(50)",
    "gray": "gray",
    "pad": "pad(70)",
    "crop": "crop(17)",
    "pick_size": "pick_size(5, 8, 30)|bicubic(32)",
    "subpixel": "subpixel(3, 0.1, degrees=5)",
    "random_size": 'random_size(5, 30, kernel="lanczos")|bicubic(32)',
}
SIZES = [(48, 48), (61, 33), (1, 1)]
IMAGE_SPECS = (tf.TensorSpec([None, None, 3]), tf.TensorSpec([2], tf.int32))
CLIP_SPECS = (tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([2], tf.int32))
each_operation = pytest.mark.parametrize("name", EXAMPLES)


def images():
    rng = np.random.default_rng(0)
    return [rng.random((*size, 3), np.float32) for size in SIZES]


def seeds():
    return [sample_seed(0, 1, index) for index in range(len(SIZES))]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """What is loaded from a SavedModel of all examples, of images and of clips by name."""
    folder = str(tmp_path_factory.mktemp("exported"))
    recipes = {name: parse_recipe(text) for name, text in EXAMPLES.items()}
    module = tf.Module()
    module.images = {name: _in_graph(recipe, IMAGE_SPECS) for name, recipe in recipes.items()}
    module.clips = {name: _in_graph(recipe.clip, CLIP_SPECS) for name, recipe in recipes.items()}
    tf.saved_model.save(module, folder)
    return tf.saved_model.load(folder)


def _in_graph(degrade, specs):
    return tf.function(lambda pixels, seed: degrade(pixels, seed), specs)


def test_every_operation_has_an_example():
    assert list_degradations() == sorted(EXAMPLES) == DEGRADATIONS.list()


@each_operation
def test_same_bits_eagerly_in_a_dataset_and_exported(name, exported):
    recipe = parse_recipe(EXAMPLES[name])
    samples = tf.data.Dataset.from_generator(
        lambda: zip(images(), seeds(), strict=True), output_signature=IMAGE_SPECS
    )
    mapped = samples.map(recipe, num_parallel_calls=4)
    for image, seed, from_dataset in zip(images(), seeds(), mapped, strict=True):
        expected = recipe(image, seed).numpy()
        assert expected.dtype == np.float32
        assert 0 <= expected.min() <= expected.max() <= 1
        np.testing.assert_array_equal(from_dataset, expected)
        np.testing.assert_array_equal(exported.images[name](image, seed), expected)
        for known, length in zip(
            recipe.output_size(*image.shape[:2]), expected.shape, strict=False
        ):
            assert known in (length, None)


@each_operation
def test_batch(name):
    recipe = parse_recipe(EXAMPLES[name])
    pair = np.random.default_rng(0).random((2, 40, 30, 3), np.float32)
    result = recipe(pair, sample_seed(0, 0, 0)).numpy()
    if recipe.deterministic:
        np.testing.assert_array_equal(result, [recipe(image) for image in pair])
    else:
        np.testing.assert_array_equal(result, recipe(pair, sample_seed(0, 0, 0)))
        assert (result != recipe(pair, sample_seed(0, 0, 1)).numpy()).any()


@each_operation
def test_every_frame_of_a_clip_is_degraded_as_an_image_with_the_same_seed(name, exported):
    recipe = parse_recipe(EXAMPLES[name])
    frames = np.random.default_rng(0).random((3, 40, 30, 3), np.float32)
    seed = sample_seed(0, 1, 2)
    expected = np.stack([recipe(frame, seed) for frame in frames])
    np.testing.assert_array_equal(recipe.clip(frames, seed), expected)
    np.testing.assert_array_equal(exported.clips[name](frames, seed), expected)
    dataset = tf.data.Dataset.from_tensors((frames, seed)).map(recipe.clip)
    np.testing.assert_array_equal(next(iter(dataset)), expected)


def test_two_noises_and_the_two_images_of_a_batch_differ():
    gray = np.full((8, 8, 3), 0.5, np.float32)
    seed = sample_seed(0, 0, 0)
    once = parse_recipe("noise(0.01)")(gray, seed) - 0.5
    twice = parse_recipe("noise(0.01)|noise(0.01)")(gray, seed) - 0.5
    assert np.abs(twice - 2 * once).max() > 1e-3
    first, second = parse_recipe("noise(0.01)")(np.stack([gray, gray]), seed)
    assert (first != second).numpy().any()


def test_sample_seed_depends_on_all_three_and_on_nothing_else():
    seeds = {tuple(sample_seed(*key).numpy()) for key in np.ndindex(3, 3, 20)}
    assert len(seeds) == 180
    np.testing.assert_array_equal(
        sample_seed(1, 2, 3), sample_seed(tf.constant(1), tf.constant(2), np.int64(3))
    )
    assert sample_seed(1, 2, 3).dtype == tf.int32


def test_attributes():
    recipe = parse_recipe("area( 16 )|gray")
    assert recipe.text == "area(16)|gray()"
    assert recipe == parse_recipe("area(16)|gray()") != parse_recipe("area(16)")
    assert len({recipe, parse_recipe("area(16)|gray()")}) == 1
    assert recipe.deterministic
    assert not parse_recipe("area(16)|noise(0.1)").deterministic


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("area(16)|gray", (16, 16)),
        ("bicubic(1/7)", (None, None)),
        ("bicubic(1/7)|bicubic(112, 96)|blur(1)", (112, 96)),
        ("crop(128)", (None, None)),
        ("area(16)|pad(24, 8)", (24, 16)),
        ("random_size(4, 8)", (None, None)),
        ("random_size(8, 8)|area(1/2)", (4, 4)),
        ("pick_size(4, 8)", (None, None)),
        ("pick_size(8, 8)|area(1/2)", (4, 4)),
    ],
)
def test_output_size_of_unknown_input(text, size):
    recipe = parse_recipe(text)
    assert recipe.output_size() == size
    degraded = tf.function(lambda image, seed: recipe(image, seed)).get_concrete_function(
        *IMAGE_SPECS
    )
    assert degraded.output_shapes.as_list() == [*size, 3]


def test_output_size_of_known_and_half_known_input():
    assert parse_recipe("bicubic(1/7)").output_size(112, 96) == (16, 13)
    assert parse_recipe("crop(64)|area(1/2)").output_size(100, None) == (32, None)


def test_first_size_is_for_averages_to_a_fixed_size():
    assert parse_recipe("area(16)|noise(0.1)").first_size == (16, 16)
    assert parse_recipe("bicubic(12, 16)").first_size == (12, 16)
    for text in ("nearest(16)", "bicubic(16, antialias=False)", "area(1/2)", "blur(1)|area(16)"):
        assert parse_recipe(text).first_size is None


@pytest.mark.parametrize("size", [(60, 60), (47, 61), (16, 16), (5, 90)])
def test_faster_recipe_differs_by_rounding_only(size):
    image = np.random.default_rng(0).random((*size, 3), np.float32)
    recipe = parse_recipe("area(12, 16)|quantize(4096)")
    assert recipe.faster() == recipe
    # A step of the quantisation, where rounding errors decide.
    np.testing.assert_allclose(recipe.faster()(image), recipe(image), atol=1 / 4095 + 1e-6)
    exact, fast = parse_recipe("area(12, 16)"), parse_recipe("area(12, 16)").faster()
    np.testing.assert_allclose(fast(image), exact(image), atol=1e-5)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32)], ids=["uint8", "rank 2"]
)
def test_wrong_input_is_refused(image):
    with pytest.raises(ValueError, match="floats in .0, 1. of shape"):
        parse_recipe("area(2)")(image)


def test_random_recipe_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="is random: pass seed"):
        parse_recipe("noise(0.1)")(np.zeros((4, 4, 3), np.float32))


def test_empty_batch():
    assert parse_recipe("bicubic(7)|blur(1)")(np.zeros((0, 20, 20, 3))).shape == (0, 7, 7, 3)
