"""Training that starts from the weights of a saved model instead of random ones."""

from pathlib import Path

from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel, load_model, weights_by_key


def start_from(model: MultiTaskModel, folder: str | Path) -> None:
    """Give a new model the weights of a saved one.

    The trunks must agree. A head starts from the saved one of the same task if its weights have
    the same shapes, and stays random otherwise.

    Args:
        model: the new model.
        folder: what `save_model` wrote, or the run folder that holds it as `model`.

    Raises:
        InputError: if the folder holds no model, or one of another trunk.
    """
    saved = load_model(folder)
    theirs = weights_by_key(saved)
    ours = weights_by_key(model)
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
