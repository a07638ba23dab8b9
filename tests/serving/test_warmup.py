"""Warm-up requests are what the server's own protocol classes read."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.serving.export import export
from mtl_lowres.serving.warmup import MAX_RECORDS, prediction_log, read_warmup, write_warmup

IMAGES = np.random.default_rng(0).random((2, 3, 4, 3), np.float32)
FILES = np.array([b"\xff\xd8 a JPEG", b""], object)


def _parsed(record):
    protocol = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    return protocol.PredictionLog.FromString(record)


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("serving_default", {"images": IMAGES}),
        ("image_bytes", {"image_bytes": FILES}),
        ("verify", {"first": FILES, "second": FILES[::-1]}),
    ],
)
def test_the_server_reads_what_was_written(signature, inputs):
    log = _parsed(prediction_log("größe", signature, inputs))
    assert log.WhichOneof("log_type") == "predict_log"
    request = log.predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("größe", signature)
    assert set(request.inputs) == set(inputs)
    for name, values in inputs.items():
        np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), values)
    assert log.SerializeToString(deterministic=True) == prediction_log("größe", signature, inputs)


def test_the_fields_by_hand():
    """The keys are number * 8 + 2: 50 of field 6, 10 of 1, 18 of 2 and 26 of 3."""
    tensor = tf.make_tensor_proto(np.float32([1])).SerializeToString()
    entry = b"\x0a\x01x\x12" + bytes([len(tensor)]) + tensor
    model = b"\x0a\x01m\x1a\x01s"
    request = b"\x0a" + bytes([len(model)]) + model + b"\x12" + bytes([len(entry)]) + entry
    log = b"\x0a" + bytes([len(request)]) + request
    expected = b"\x32" + bytes([len(log)]) + log
    assert prediction_log("m", "s", {"x": np.float32([1])}) == expected


def test_long_inputs_have_lengths_of_several_bytes():
    images = np.zeros((3, 100, 100, 3), np.float32)
    request = _parsed(prediction_log("m", "serving_default", {"images": images}))
    shape = request.predict_log.request.inputs["images"].tensor_shape
    assert [side.size for side in shape.dim] == [3, 100, 100, 3]


def test_the_file_lies_where_the_server_looks(tmp_path):
    write_warmup(tmp_path, "m", [("serving_default", {"images": IMAGES})] * 3)
    assert (tmp_path / "assets.extra" / "tf_serving_warmup_requests").is_file()
    records = read_warmup(tmp_path)
    assert records == [prediction_log("m", "serving_default", {"images": IMAGES})] * 3


def test_too_many_requests(tmp_path):
    with pytest.raises(InputError, match="1001 warm-up requests"):
        write_warmup(tmp_path, "m", [("s", {})] * (MAX_RECORDS + 1))
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def exported(clip_model, tmp_path_factory):
    return export(clip_model, tmp_path_factory.mktemp("exports") / "größe")


def test_every_signature_of_an_export_is_answered_before_it_is_ready(exported):
    """The server replays the records; here they are replayed through the loaded SavedModel."""
    signatures = tf.saved_model.load(str(exported)).signatures
    replayed = []
    for record in read_warmup(exported):
        request = _parsed(record).predict_log.request
        assert request.model_spec.name == "größe"
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        answers = signatures[request.model_spec.signature_name](
            **{name: tf.constant(values) for name, values in inputs.items()}
        )
        (count,) = {len(values) for values in [*inputs.values(), *answers.values()]}
        assert np.all(answers.get("ok", True))
        replayed.append((request.model_spec.signature_name, count))
    assert sorted(replayed) == [
        ("clip_bytes", 1),
        ("clip_bytes", 8),
        ("embedding", 1),
        ("embedding", 8),
        ("serving_default", 1),
        ("serving_default", 8),
    ]
