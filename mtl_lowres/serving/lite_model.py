"""A TensorFlow Lite file as a function from samples to answers."""

import struct
import threading
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

from mtl_lowres.errors import InputError


class LiteModel:
    """A network in a `.tflite` file; one sample at a time goes through it.

    An interpreter holds the values of one sample. Calls from several threads therefore wait for
    each other.

    Args:
        path: of the file.
        threads: that TensorFlow Lite uses; for networks of tiny images one is the fastest.

    Raises:
        InputError: if the file is missing or no TensorFlow Lite model.

    Attributes:
        input_shape: of one sample.
        names: of the answers.
    """

    def __init__(self, path: str | Path, threads: int = 1):
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): name a file") from None
        try:
            # The interpreter would crash on a file that is cut short.
            convert_bytearray_to_object(content)
            self._interpreter = tf.lite.Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, IndexError, TypeError, struct.error) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"{path} is no TensorFlow Lite model: {reason}") from None
        outputs = self._interpreter.get_signature_runner().get_output_details()
        self._input = _Tensor(self._interpreter.get_input_details()[0])
        self._outputs = {name: _Tensor(outputs[name]) for name in sorted(outputs)}
        self._lock = threading.Lock()
        self.input_shape = self._input.shape
        self.names = list(self._outputs)

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> answers, float32 [n, ...], of samples float32 [n, *input_shape]."""
        if len(samples) == 1:
            return self._answer(samples)
        rows = [self._answer(samples[place : place + 1]) for place in range(len(samples))]
        return {
            name: np.concatenate([row[name] for row in rows])
            if rows
            else np.zeros((0, *tensor.shape), np.float32)
            for name, tensor in self._outputs.items()
        }

    def _answer(self, sample: np.ndarray) -> dict[str, np.ndarray]:
        """Return the answers, float32 [1, ...], of a sample float32 [1, *input_shape]."""
        network = self._interpreter
        with self._lock:
            network.set_tensor(self._input.index, self._input.stored(sample))
            network.invoke()
            return {
                name: tensor.real(network.get_tensor(tensor.index))
                for name, tensor in self._outputs.items()
            }


class _Tensor:
    """An input or output of the file, and how its integers stand for real values.

    Attributes:
        index: of the tensor in the file.
        shape: of one sample.
    """

    def __init__(self, detail: dict):
        self.index = detail["index"]
        self.shape = tuple(int(side) for side in detail["shape"][1:])
        self._type = detail["dtype"]
        self._is_real = self._type == np.float32
        self._scale, self._zero = detail["quantization"]

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Return float32 values as the file takes them."""
        if self._is_real:
            return values
        limits = np.iinfo(self._type)
        whole = np.rint(values / self._scale) + self._zero
        return np.clip(whole, limits.min, limits.max).astype(self._type)

    def real(self, values: np.ndarray) -> np.ndarray:
        """Return what the file gave as float32 values."""
        if self._is_real:
            return values
        return (values.astype(np.float32) - self._zero) * np.float32(self._scale)
