"""What every registered head must do, with every loss; a new head is tested by registering it."""

import inspect
import json

import numpy as np
import pytest
import tensorflow as tf

import mtl_lowres.heads  # noqa: F401  registers the heads
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Embedding, Identity
from mtl_lowres.heads.age_methods import METHODS
from mtl_lowres.layers import FeatureScale
from mtl_lowres.losses import SquaredHinge
from mtl_lowres.registry import HEADS

CLASSES = 4
FEATURES = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
LABELS = np.array([0, 3, 1, 0, 2, 2])
VECTORS = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
AGES = np.array([3.0, 25.0, 31.4, 116.0, 60.0, 0.0], np.float32)
# A margin loss that starts at about 1: the published scales give 5 to 40.
MILD = {"margin": 0.1, "scale": 4.0, "centres": 2}
VARIANTS = {
    "embedding": lambda **body: Embedding(5, **body),
    "embedding relational": lambda **body: Embedding(3, "relational", **body),
    "identity center": lambda **body: Identity(CLASSES, "center", embedding=5, **body),
    "identity a_softmax": lambda **body: Identity(CLASSES, "a_softmax", margin=2, **body),
    "identity adaface": lambda **body: Identity(CLASSES, "adaface", embedding=5, **MILD, **body),
    "identity triplet": lambda **body: Identity(CLASSES, "triplet", embedding=5, **body),
    "identity squared_hinge": lambda **body: Identity(CLASSES, "squared_hinge", **body),
    **{
        f"age {name}": (lambda name=name, **body: Age(name, **body))
        for name in METHODS
        if name != "mean_variance"
    },
}


def make(name, **body):
    if name in VARIANTS:
        return VARIANTS[name](**body)
    kind = HEADS.get(name)
    has_classes = "classes" in inspect.signature(kind).parameters
    return kind(CLASSES, **body) if has_classes else kind(**body)


def labels_of(head):
    if head.classes is not None:
        return LABELS
    return VECTORS if head.embeds else AGES


def with_input(head, name="task"):
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input(FEATURES.shape[1:])
    return tf.keras.Model(inputs, head.build(inputs, name))


NAMES = sorted({*HEADS.list(), *VARIANTS})


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def head(name):
    return make(name)


@pytest.fixture
def model(head):
    return with_input(head)


def test_layer_names_begin_with_the_task(name):
    layers = with_input(make(name, hidden=8, dropout=0.5)).layers[1:]
    names = [layer.name for layer in layers]
    assert names[-1] == "task" or names[-1].startswith("task_")
    assert "task" in names
    assert all(name == "task" or name.startswith("task_") for name in names)
    kinds = [type(layer) for layer in layers[:4]]
    keras = tf.keras.layers
    assert kinds == [keras.Dense, keras.PReLU, keras.BatchNormalization, keras.Dropout]


def test_output_is_float32_under_mixed_precision(head):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        output = head.build(tf.keras.Input([8], dtype="float16"), "task")
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert output.dtype == tf.float32


def test_loss_is_that_of_the_labelled_alone(head, model):
    """k labelled of n samples give the loss of a batch of these k; 0 for none."""
    output, labels = model(FEATURES).numpy(), labels_of(head)
    for known in ([], [2], [0, 3, 5], list(range(6))):
        weights = np.zeros(6, np.float32)
        weights[known] = 1
        expected = float(head.loss()(labels[known], output[known])) if known else 0.0
        missing = np.zeros_like(labels)
        missing[known] = labels[known]
        result = float(head.loss()(missing, output, weights[:, None]))
        assert result == pytest.approx(expected, rel=1e-5), known


def test_unlabelled_rows_get_a_gradient_of_exactly_zero(head, model):
    output = tf.Variable(model(FEATURES))
    with tf.GradientTape() as tape:
        loss = head.loss()(labels_of(head), output, [1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    gradient = tf.convert_to_tensor(tape.gradient(loss, output)).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[[1, 4, 5]].any()
    assert np.abs(gradient[[0, 2, 3]]).sum(axis=tuple(range(1, gradient.ndim))).all()


@pytest.mark.parametrize("labelled", [False, True])
def test_gradient_is_zero_exactly_when_nothing_is_labelled(head, model, labelled):
    with tf.GradientTape() as tape:
        loss = head.loss()(labels_of(head), model(FEATURES), np.full(6, labelled, np.float32))
    assert (float(loss) != 0) == labelled
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.isfinite(gradient).all()
        assert np.any(gradient) == labelled


def test_the_loss_at_the_start_is_about_one(head, model):
    """So that no task drowns another one; log(4) = 1.4 is an even answer among four classes."""
    assert 0.1 < float(head.loss()(labels_of(head), model(FEATURES))) < 4


def test_training_learns(head, model):
    """Six samples with eight features can be learnt by heart."""
    model.compile(tf.keras.optimizers.Adam(0.05), loss=head.loss(), weighted_metrics=head.metrics())
    weights = np.array([1, 1, 0, 1, 1, 1], np.float32)
    step = tf.data.Dataset.from_tensors((FEATURES, labels_of(head), weights))
    # The first step, those between and the last: forty epochs would take longer than the steps.
    logs = [model.fit(step.repeat(steps), verbose=0).history for steps in (1, 38, 1)]
    for log in logs:
        assert set(log) == {"loss", *(metric.name for metric in head.metrics())}
        assert np.isfinite(list(log.values())).all()
    (first,), (last,) = logs[0]["loss"], logs[-1]["loss"]
    floor = 0.75 if isinstance(head.loss(), SquaredHinge) else 0
    assert last - floor < 0.6 * (first - floor)


def test_two_steps_of_training_with_a_body(name):
    head = make(name, hidden=8, dropout=0.5)
    model = with_input(head)
    model.compile("adam", loss=head.loss(), run_eagerly=True)
    # The scale of an embedding is measured before training, which leaves it as it is.
    learning = [layer for layer in model.layers if not isinstance(layer, FeatureScale)]
    before = [weight.numpy() for layer in learning for weight in layer.weights]
    model.fit(FEATURES, labels_of(head), batch_size=3, verbose=0)
    after = [weight.numpy() for layer in learning for weight in layer.weights]
    assert all(np.isfinite(weight).all() for weight in after)
    assert all((old != new).any() for old, new in zip(before, after, strict=True))


def test_metrics_are_new_each_time(head):
    first, second = head.metrics(), head.metrics()
    assert [m.name for m in first] == [m.name for m in second]
    assert not set(map(id, first)) & set(map(id, second))


def test_decode_is_json_of_one_dict_a_sample(head, model):
    outputs = model(FEATURES).numpy()
    for samples in (0, 1, 6):
        decoded = head.decode(outputs[:samples])
        assert len(decoded) == samples
        assert all(isinstance(answer["label"], str) for answer in decoded)
        json.dumps(decoded, allow_nan=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Name -> what each head answers in a SavedModel of all, and what it answers here."""
    folder = str(tmp_path_factory.mktemp("exported"))
    heads = {name: make(name) for name in NAMES}
    models = {name: with_input(head) for name, head in heads.items()}

    def answers(x):
        return {name: head.serve(models[name](x)) for name, head in heads.items()}

    module = tf.Module()
    module.models = [model.variables for model in models.values()]
    spec = tf.TensorSpec([None, FEATURES.shape[1]])
    module.answers = tf.function(answers, input_signature=[spec])
    tf.saved_model.save(module, folder)
    loaded = tf.saved_model.load(folder)
    served, expected = loaded.answers(FEATURES), answers(FEATURES)
    return {name: (served[name], expected[name]) for name in NAMES}


def test_an_export_answers_as_the_head_does(name, exported):
    served, expected = exported[name]
    assert served and set(served) == set(expected)
    for key, value in served.items():
        assert len(value) == len(FEATURES)
        np.testing.assert_allclose(value, expected[key], rtol=1e-4, atol=1e-4)


def test_config_round_trip_through_json(name):
    head = make(name, hidden=16, dropout=0.25)
    config = head.get_config()
    assert (config["hidden"], config["dropout"]) == (16, 0.25)
    copy = type(head).from_config(json.loads(json.dumps(config)))
    assert copy.get_config() == config
    assert copy.loss().get_config() == head.loss().get_config()


def test_the_loss_survives_keras_serialisation(head, model):
    loss = head.loss()
    copy = tf.keras.losses.deserialize(tf.keras.losses.serialize(loss))
    assert copy.get_config() == loss.get_config()
    output = model(FEATURES)
    assert float(copy(labels_of(head), output)) == float(loss(labels_of(head), output))


@pytest.mark.parametrize(
    "body", [{"hidden": -1}, {"hidden": 2.5}, {"hidden": True}, {"dropout": 1.0}, {"dropout": -0.1}]
)
def test_refuses_a_body_out_of_range(name, body):
    ((option, value),) = body.items()
    with pytest.raises(InputError, match=f"{option}={value}"):
        make(name, **body)
