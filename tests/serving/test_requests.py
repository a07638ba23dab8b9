"""Requests as the README shows them, answered by an export as TensorFlow Serving would.

The server itself cannot be installed from a package registry. A gRPC server with its protocol
classes stands in for it: it runs the tensors that a signature names in a session, as it does. JSON
becomes tensors by the rules of its documentation of the REST interface.
"""

import base64
import json
from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.serving.warmup import read_warmup
from tests.toy_people import POSTURES

grpc = pytest.importorskip("grpc")
predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
service = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")


class _Server(service.PredictionServiceServicer):
    """Answers the requests for one version of one model."""

    def __init__(self, saved):
        self.name = saved.parent.name
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        graph = tf.compat.v1.saved_model.load(self._session, ["serve"], str(saved))
        self._signatures = graph.signature_def

    def answer(self, signature, inputs):
        """Return arrays by the name of the output."""
        signature = self._signatures[signature]
        feed = {signature.inputs[name].name: value for name, value in inputs.items()}
        names = {name: output.name for name, output in signature.outputs.items()}
        return self._session.run(names, feed)

    def Predict(self, request, context):  # noqa: N802 (the name that gRPC calls)
        assert request.model_spec.name == self.name
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in self.answer(request.model_spec.signature_name, inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


@pytest.fixture(scope="module")
def server(calibrated_export):
    return _Server(calibrated_export[0])


@pytest.fixture(scope="module")
def port(server):
    running = grpc.server(futures.ThreadPoolExecutor(1))
    service.add_PredictionServiceServicer_to_server(server, running)
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield port
    running.stop(None)


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
    path = tmp_path / "größe.jpg"
    path.write_bytes(tf.io.encode_jpeg(pixels).numpy())
    return path


@pytest.fixture
def expected(calibrated_export, photo):
    serve = calibrated_export[1].signatures["image_bytes"]
    answers = serve(image_bytes=tf.constant([photo.read_bytes()]))
    return {name: value.numpy() for name, value in answers.items()}


def test_a_request_by_grpc(server, port, photo, expected):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = server.name
        request.model_spec.signature_name = "image_bytes"
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([photo.read_bytes()]))
        answer = service.PredictionServiceStub(channel).Predict(request, timeout=10)
    assert set(answer.outputs) == set(expected)
    label = tf.make_ndarray(answer.outputs["posture_label"])[0].decode()
    assert label in POSTURES
    for name, value in expected.items():
        np.testing.assert_array_equal(tf.make_ndarray(answer.outputs[name]), value)


def _tensors(body: str) -> tuple[str, dict[str, np.ndarray]]:
    """Return signature and inputs of a body in the column format of the REST interface."""

    def value(part):
        if isinstance(part, list):
            return [value(inner) for inner in part]
        return base64.b64decode(part["b64"], validate=True) if isinstance(part, dict) else part

    request = json.loads(body)
    inputs = {name: np.array(value(part), object) for name, part in request["inputs"].items()}
    return request["signature_name"], inputs


def _json(answers: dict[str, np.ndarray]) -> str:
    """Return what the REST interface answers: texts as they are, unless called `_bytes`."""
    assert not [name for name in answers if name.endswith("_bytes")]
    outputs = {
        name: [text.decode() for text in value] if value.dtype == object else value.tolist()
        for name, value in answers.items()
    }
    return json.dumps({"outputs": outputs}, allow_nan=False)


@pytest.mark.parametrize("signature", ["image_bytes", "embedding"])
def test_a_request_by_rest(server, photo, expected, signature):
    contents = base64.b64encode(photo.read_bytes()).decode()
    inputs = f'{{"image_bytes": [{{"b64": "{contents}"}}]}}'
    body = f'{{"signature_name": "{signature}", "inputs": {inputs}}}'
    answers = json.loads(_json(server.answer(*_tensors(body))))["outputs"]
    assert answers["ok"] == [True]
    if signature == "image_bytes":
        assert answers["posture_label"] == [expected["posture_label"][0].decode()]
        np.testing.assert_allclose(
            answers["posture_probabilities"], expected["posture_probabilities"], rtol=1e-6
        )
    else:
        assert np.linalg.norm(answers["embedding"][0]) == pytest.approx(1)


def test_a_pair_by_rest(server, photo):
    contents = {"b64": base64.b64encode(photo.read_bytes()).decode()}
    bad = {"b64": base64.b64encode(b"no image").decode()}
    inputs = {"first": [contents, contents], "second": [contents, bad]}
    body = json.dumps({"signature_name": "verify", "inputs": inputs})
    answers = json.loads(_json(server.answer(*_tensors(body))))["outputs"]
    assert answers["same"] == [True, False] and answers["ok"] == [True, False]
    assert answers["similarity"] == pytest.approx([1, 0], abs=1e-5)


def test_the_warm_up_is_answered_in_a_session(server, calibrated_export):
    records = read_warmup(calibrated_export[0])
    for record in records:
        request = logs.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        answers = server.answer(request.model_spec.signature_name, inputs)
        (count,) = {len(value) for value in [*inputs.values(), *answers.values()]}
        assert count in (1, 8) and np.all(answers.get("ok", True))
    assert len(records) == 8
