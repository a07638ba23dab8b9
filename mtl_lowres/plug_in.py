"""A trained feature transfer: on disk, and between a frozen trunk and the heads of a model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.files import write_json
from mtl_lowres.trunks.feature_transfer import feature_transfer
from mtl_lowres.trunks.layer_output import features_of
from mtl_lowres.trunks.options import check_trunk_options
from mtl_lowres.weights_file import WEIGHTS_FILE, first_line, read_weights, write_weights

TRANSFER_FILE = "transfer.json"


@dataclass(frozen=True)
class PlugIn:
    """A transfer network and what it takes.

    Attributes:
        network: from features [n, d] to transferred ones, made by the trunk `feature_transfer`.
        options: of that trunk.
        layer: of the other trunk whose output are the features, its maps averaged; None for that
            trunk's own output.
    """

    network: tf.keras.Model
    options: dict[str, Any]
    layer: str | None = None

    @classmethod
    def build(cls, width: int, options: dict[str, Any], layer: str | None = None) -> "PlugIn":
        """Return one with new weights for features of this width.

        Raises:
            InputError: if an option is unknown or cannot be used.
        """
        check_trunk_options("feature_transfer", options)
        return cls(feature_transfer((width,), **options), dict(options), layer)

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able arguments of `build`."""
        width = self.network.input.shape[-1]
        return {"width": width, "options": self.options, "layer": self.layer}

    def write(self, folder: Path, **notes: Any) -> None:
        """Write `transfer.json`, which holds the notes too, and the weights into a folder."""
        write_json(folder / TRANSFER_FILE, {"network": self.describe(), **notes})
        write_weights(self.network, folder / WEIGHTS_FILE)

    @classmethod
    def read(cls, folder: str | Path) -> tuple["PlugIn", dict[str, Any]]:
        """Return what `write` wrote, and the notes.

        Args:
            folder: of the transfer, or the output of `mtl-lowres transfer` that holds it.

        Raises:
            InputError: if a file is missing or damaged.
        """
        folder = transfer_folder(folder)
        path = folder / TRANSFER_FILE
        try:
            notes = json.loads(path.read_text(encoding="utf-8"))
            plug_in = cls.build(**notes.pop("network"))
        except FileNotFoundError as error:
            raise InputError(
                f"{path} is missing: name the folder of a transfer, made by `mtl-lowres transfer`"
            ) from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{path} is no description of a transfer ({first_line(error)}): make it again"
            ) from error
        read_weights(plug_in.network, folder / WEIGHTS_FILE)
        return plug_in, notes


def transfer_folder(folder: str | Path) -> Path:
    """Return the folder of a transfer, which an output of `mtl-lowres transfer` holds inside."""
    inner = Path(folder) / "transfer"
    return inner if (inner / TRANSFER_FILE).exists() else Path(folder)


def with_transfer(trunk: tf.keras.Model, plug_in: PlugIn) -> tf.keras.Model:
    """Return a trunk and the transfer behind it as one, both frozen.

    Frozen is also what weights do not hold: batch norms keep their statistics and nothing is
    dropped, whether or not the heads are being trained, as when the features were stored.

    Raises:
        InputError: if the trunk has no such layer or another number of features.
    """
    trunk, network = features_of(trunk, plug_in.layer), plug_in.network
    expected, width = network.input.shape[-1], trunk.output.shape[-1]
    if expected != width:
        raise InputError(
            f"the transfer takes {expected} features, but trunk {trunk.name!r} has {width}: use "
            "the trunk, with its options, whose features it was fitted on"
        )
    trunk.trainable = network.trainable = False
    outputs = network(trunk(trunk.input, training=False), training=False)
    return tf.keras.Model(trunk.input, outputs, name=f"{trunk.name}_with_transfer")


def trunk_before_transfer(model: tf.keras.Model) -> tf.keras.Model:
    """Return the trunk of a model of `build_model`: without the transfer, if it has one."""
    if "transfer" not in model.description:
        return model.trunk
    inner = [each for each in model.trunk.layers if isinstance(each, tf.keras.Model)]
    return inner[0]
