"""A TensorFlow Lite file as a function from samples to outputs."""

import struct
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

from mtl_lowres.errors import InputError


def flat_outputs(outputs: dict) -> dict[str, tf.Tensor]:
    """Return a model's outputs by task, of which there is one tensor each, as a plain dict."""
    return {task: tf.identity(output, name=task) for task, output in outputs.items()}


class LiteModel:
    """A network in a `.tflite` file; one sample at a time goes through it.

    Args:
        path: of the file.
        threads: that TensorFlow Lite uses; for networks of tiny images one is the fastest.

    Raises:
        InputError: if the file is missing or no TensorFlow Lite model.
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
        signature = self._interpreter.get_signature_runner()
        self._input = self._interpreter.get_input_details()[0]
        details = signature.get_output_details()
        self._outputs = {name: details[name] for name in sorted(details)}
        self.input_shape = tuple(int(side) for side in self._input["shape"][1:])

    def __call__(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """Return task -> outputs, float32 [n, ...], of samples float32 [n, *input_shape]."""
        answers = {name: [] for name in self._outputs}
        for sample in samples:
            self._interpreter.set_tensor(
                self._input["index"], _quantised(sample[np.newaxis], self._input)
            )
            self._interpreter.invoke()
            for name, detail in self._outputs.items():
                answers[name].append(_real(self._interpreter.get_tensor(detail["index"]), detail))
        return {
            name: np.concatenate(values)
            if values
            else np.zeros((0, *self._outputs[name]["shape"][1:]), np.float32)
            for name, values in answers.items()
        }


def _quantised(values: np.ndarray, detail: dict) -> np.ndarray:
    """Return real values in the type that a tensor of the file has."""
    if detail["dtype"] == np.float32:
        return np.asarray(values, np.float32)
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def _real(values: np.ndarray, detail: dict) -> np.ndarray:
    """Return the real values of a tensor of the file, float32."""
    if detail["dtype"] == np.float32:
        return values
    scale, zero = detail["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale)
