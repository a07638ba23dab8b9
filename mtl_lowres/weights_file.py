"""The weights of a model as a NumPy archive."""

import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError

# NumPy's archive rather than HDF5: with pickles refused it can hold nothing but arrays, whereas
# HDF5 follows links to other files and loads compression plugins.
WEIGHTS_FILE = "weights.npz"


def weights_by_key(model: tf.keras.Model) -> dict[str, tf.Variable]:
    """Return all weights by a name that does not depend on how often a model was built.

    Layer names are unique within a model; within a composite layer weight names are not, so the
    position tells them apart.
    """
    return {
        f"{layer.name}/{position}_{weight.name.split('/')[-1].removesuffix(':0')}": weight
        for layer in model.layers
        for position, weight in enumerate(layer.weights)
    }


def weights_digest(model: tf.keras.Model, also: str = "") -> str:
    """Return the SHA-256 of all weights of a model, and of a text that counts too."""
    digest = hashlib.sha256(also.encode())
    for key, weight in sorted(weights_by_key(model).items()):
        digest.update(key.encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


def write_weights(model: tf.keras.Model, path: Path) -> None:
    """Write all weights of a model to a file."""
    np.savez(path, **{key: weight.numpy() for key, weight in weights_by_key(model).items()})


def read_weights(model: tf.keras.Model, path: Path) -> None:
    """Give a model the weights that `write_weights` wrote. No pickle is read.

    Raises:
        InputError: if the file is missing, damaged or of another model, of which it names a layer.
    """
    weights = weights_by_key(model)
    try:
        with np.load(path, allow_pickle=False) as archive:
            stored = set(archive.files)
            arrays = {key: archive[key] for key in weights if key in stored}
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: name the folder of a run or model") from error
    except Exception as error:  # a damaged archive makes its readers raise a dozen kinds
        raise InputError(
            f"{path} cannot be read ({first_line(error)}): save the model again"
        ) from error
    for key in sorted(stored ^ set(weights)):
        layer, verb = key.split("/")[0], "lacks" if key in weights else "has the unknown"
        raise InputError(f"{path} {verb} weight {key!r} of layer {layer!r}: it is another model's")
    for key, weight in weights.items():
        if arrays[key].shape != tuple(weight.shape):
            raise InputError(
                f"{path}: weight {key!r} of layer {key.split('/')[0]!r} has shape "
                f"{arrays[key].shape}, but the model needs {tuple(weight.shape)}"
            )
        weight.assign(arrays[key])


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its kind where it says nothing."""
    return (str(error) or type(error).__name__).splitlines()[0]
