"""Warm-up requests: what TensorFlow Serving answers before it calls a version ready.

The first request of each signature and batch size is slow, since TensorFlow then makes its kernels
and buffers. A server that finds `assets.extra/tf_serving_warmup_requests` beside a SavedModel
replays the requests in it while the version before still answers.

The file is a TFRecord of `PredictionLog` messages. Their few fields are written here by hand, so
that an export needs no package of the server; the tests read them with that package.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
# The server refuses files of more.
MAX_RECORDS = 1000
# Samples a request; kernels are made for each number.
_BATCHES = (1, 8)
# Field numbers of the messages, from the server's .proto files.
_LOG_PREDICT = 6  # PredictionLog.predict_log
_PREDICT_REQUEST = 1  # PredictLog.request
_REQUEST_MODEL, _REQUEST_INPUTS = 1, 2  # PredictRequest.model_spec, .inputs
_MODEL_NAME, _MODEL_SIGNATURE = 1, 3  # ModelSpec.name, .signature_name
_ENTRY_KEY, _ENTRY_VALUE = 1, 2  # of a map's entries
# A field's key is its number and this kind: a length, and so many bytes.
_LENGTH_DELIMITED = 2

Request = tuple[str, Mapping[str, np.ndarray]]


def write_warmup(saved_model: Path, model_name: str, requests: Sequence[Request]) -> None:
    """Write the warm-up requests of a SavedModel.

    Args:
        saved_model: the version's folder.
        model_name: under which the server knows the model.
        requests: (signature, input name -> array), at most 1000.

    Raises:
        InputError: if there are more requests than the server takes.
    """
    if len(requests) > MAX_RECORDS:
        raise InputError(
            f"{len(requests)} warm-up requests: the server takes {MAX_RECORDS} at most"
        )
    path = saved_model / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(prediction_log(model_name, signature, inputs))


def warmup_requests(
    functions: Mapping[str, tf.types.experimental.GenericFunction], size: tuple[int, int]
) -> list[Request]:
    """Return requests for every signature, one with a single item and one with a batch.

    What takes floats gets a ramp from 0 to 1; what takes encoded files, PNG images of such a ramp.

    Args:
        functions: by the name of their signature, each with its input signature.
        size: (height, width) of the images to encode.
    """
    height, width = size
    ramp = np.linspace(0, 255, height * width * 3).reshape(height, width, 3).astype(np.uint8)
    png = tf.io.encode_png(ramp).numpy()
    requests = []
    for name, function in functions.items():
        for count in _BATCHES:
            inputs = {spec.name: _filled(spec, count, png) for spec in function.input_signature}
            requests.append((name, inputs))
    return requests


def _filled(spec: tf.TensorSpec, count: int, png: bytes) -> np.ndarray:
    shape = (count, *spec.shape[1:])
    if spec.dtype == tf.string:
        return np.full(shape, png, object)
    return np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def read_warmup(saved_model: Path) -> list[bytes]:
    """Return the records of a SavedModel's warm-up file."""
    records = tf.data.TFRecordDataset(str(saved_model / WARMUP_FILE))
    return list(records.as_numpy_iterator())


def prediction_log(model_name: str, signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Return a serialised `PredictionLog` of one request.

    Args:
        model_name: under which the server knows the model.
        signature: such as "image_bytes".
        inputs: input name -> array; strings as an array of bytes objects.
    """
    model = _field(_MODEL_NAME, model_name.encode()) + _field(_MODEL_SIGNATURE, signature.encode())
    request = _field(_REQUEST_MODEL, model)
    for name, values in inputs.items():
        tensor = tf.make_tensor_proto(values).SerializeToString(deterministic=True)
        entry = _field(_ENTRY_KEY, name.encode()) + _field(_ENTRY_VALUE, tensor)
        request += _field(_REQUEST_INPUTS, entry)
    return _field(_LOG_PREDICT, _field(_PREDICT_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Return an unsigned integer, seven bits a byte, the lowest first; all but the last marked."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
