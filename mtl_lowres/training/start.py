"""Training that starts from the weights of saved models instead of random ones."""

from pathlib import Path

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel, load_model, weights_by_key
from mtl_lowres.plug_in import PlugIn, trunk_before_transfer
from mtl_lowres.weights_file import weights_digest


def start_from(model: MultiTaskModel, folder: str | Path) -> None:
    """Give a new model the weights of a saved one.

    The trunks must agree. A head starts from the saved one of the same task if its weights have
    the same shapes, and stays random otherwise. A transfer stays as it is: only the trunk before it
    starts from the saved one.

    Args:
        model: the new model.
        folder: what `save_model` wrote, or the run folder that holds it as `model`.

    Raises:
        InputError: if the folder holds no model, or one of another trunk.
    """
    saved = load_model(folder)
    theirs = _weights_to_start(saved)
    ours = _weights_to_start(model)
    in_trunk = {id(weight) for weight in model.trunk.weights}
    fitting = {
        key for key, weight in ours.items() if key in theirs and theirs[key].shape == weight.shape
    }
    for key in ours.keys() - fitting:
        if id(ours[key]) in in_trunk:
            raise InputError(
                f"start={str(folder)!r}: its trunk {saved.description['trunk']!r} has no weight "
                f"{key!r} of shape {tuple(ours[key].shape)}: start from a model of the same trunk, "
                "options and input shape"
            )
    # A head is copied whole or not at all.
    anew = {key.split("/")[0] for key in ours.keys() - fitting}
    for key in fitting:
        if key.split("/")[0] not in anew:
            ours[key].assign(theirs[key])


def check_trunk_of_transfer(model: MultiTaskModel, transfer: str | Path) -> None:
    """Check that the trunk has the weights that it had when the transfer was fitted.

    Args:
        model: of `build_model(..., transfer=transfer)`.
        transfer: its folder; nothing is checked without one, or where the folder does not tell.

    Raises:
        InputError: if it has others, of which the transfer would make nonsense.
    """
    if not transfer:
        return
    plug_in, notes = PlugIn.read(transfer)
    digest = notes.get("features", {}).get("weights_sha256")
    # Of a trunk that was cut at a layer, the rest of the weights is gone.
    known = digest and plug_in.layer is None
    if known and digest != weights_digest(trunk_before_transfer(model)):
        raise InputError(
            f"transfer={str(transfer)!r} was fitted on features of trunk "
            f"{notes['features']['trunk']!r} with other weights: give the trunk the same option "
            "weights, or start= the model that the feature store was made with"
        )


def _weights_to_start(model: MultiTaskModel) -> dict[str, tf.Variable]:
    """Return all weights but those of a transfer, by the same keys with and without one."""
    if "transfer" not in model.description:
        return weights_by_key(model)
    inside = {layer.name for layer in model.trunk.layers}
    weights = weights_by_key(model).items()
    of_heads = {key: weight for key, weight in weights if key.split("/")[0] not in inside}
    return weights_by_key(trunk_before_transfer(model)) | of_heads
