"""Checkpoints from which a killed run goes on to the same weights, to the bit."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json

_NAME = re.compile(r"epoch-(\d+)$")


class Checkpoints:
    """The checkpoints of one run: the last epoch and the best one.

    A checkpoint is a folder `epoch-0007` (the number of finished epochs) that appears in one
    rename, with all variables of the run and, in `state.json`, the history so far.
    """

    def __init__(self, folder: str | Path, **trackables: Any):
        self.folder = Path(folder)
        self._checkpoint = tf.train.Checkpoint(**trackables)

    def last(self) -> int:
        """Return the number of finished epochs that can be restored, 0 for none."""
        return max(self._epochs(), default=0)

    def save(self, epochs_done: int, state: dict[str, Any], keep: int) -> None:
        """Write a checkpoint; of the earlier ones only that of epoch `keep` stays."""
        with replacing(self._path(epochs_done)) as temporary:
            temporary.mkdir()
            self._checkpoint.write(str(temporary / "variables"))
            write_json(temporary / "state.json", state)
        for epoch in self._epochs():
            if epoch not in (epochs_done, keep):
                shutil.rmtree(self._path(epoch))

    def restore(self, epoch: int) -> dict[str, Any]:
        """Load the variables of a checkpoint and return its state.

        Raises:
            InputError: if the checkpoint is damaged or belongs to another model.
        """
        path = self._path(epoch)
        try:
            status = self._checkpoint.read(str(path / "variables"))
            status.assert_existing_objects_matched()
            return json.loads((path / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, AssertionError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"checkpoint {path} cannot be restored ({reason}); remove it to go on from an "
                "earlier epoch"
            ) from error

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}"

    def _epochs(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return sorted(int(m[1]) for p in self.folder.iterdir() if (m := _NAME.match(p.name)))
