"""What happens at the end of every epoch: validate, note, checkpoint, stop early."""

import math
import time
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.checkpoint import Checkpoints
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.evaluate import Evaluator, mean_skill
from mtl_lowres.training.optimizers import WeightAverage

_VALIDATION_FIGURES = (
    "macro_f1",
    "accuracy",
    "mae_years",
    "cs@5",
    "cosine_to_teacher",
    "distance_correlation",
)
_LOWER_IS_BETTER = ("loss", "mae_years")
# More than 1000 layers times any number of epochs, so that no two runs share dropout masks.
_DROPOUT_SEEDS = 10**8


class EpochLog(tf.keras.callbacks.Callback):
    """Keeps the history, the checkpoints and the best epoch of a run.

    Attributes:
        kept: the model that is validated; what is trained may be larger (see `training.coupling`).
        state: what a checkpoint remembers beside the variables: `history` (one dict an epoch),
            `best_epoch` (number of epochs finished when it was reached), `best_value`, `stopped`.
    """

    def __init__(
        self,
        config: TrainConfig,
        run_dir: Path,
        kept: MultiTaskModel,
        checkpoints: Checkpoints,
        validation: Evaluator | None,
        average: WeightAverage | None,
        progress: bool,
    ):
        super().__init__()
        self.config = config
        self.run_dir = run_dir
        self.kept = kept
        self.checkpoints = checkpoints
        self.validation = validation
        self.average = average
        self.progress = progress
        self.monitor = config.monitor or "skill"
        self.state = {"history": [], "best_epoch": 0, "best_value": None, "stopped": False}

    def on_train_begin(self, logs=None):
        """Open the progress bar where the run stands."""
        self._bar = tqdm(
            total=self.config.epochs,
            initial=len(self.state["history"]),
            desc=self.run_dir.name,
            unit="epoch",
            disable=not self.progress,
        )

    def on_train_end(self, logs=None):
        """Close the progress bar."""
        self._bar.close()

    def on_epoch_begin(self, epoch, logs=None):
        """Set the dropout generators to the state that this epoch has in every run."""
        self._started = time.perf_counter()
        for number, layer in enumerate(self.model._flatten_layers()):
            generator = getattr(getattr(layer, "_random_generator", None), "_generator", None)
            if generator is not None:
                generator.reset_from_seed(_DROPOUT_SEEDS * self.config.seed + 1000 * epoch + number)

    def on_epoch_end(self, epoch, logs=None):
        """Validate, choose the best epoch, and write history and checkpoint."""
        row = {"epoch": epoch + 1, **self._train_figures(logs or {}), **self._validate()}
        if len(self.config.tasks) > 1:
            weights = self.model.weighting.task_weights()
            row |= {f"weight_{task}": float(weight) for task, weight in weights.items()}
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        if not math.isfinite(row["loss"]):
            raise InputError(
                f"the loss is {row['loss']} after epoch {epoch + 1}: lower the learning rate "
                f"(now {self.config.learning_rate}) or check the labels"
            )
        self.state["history"].append(row)
        self._choose(row)
        with replacing(self.run_dir / "history.csv") as temporary:
            pd.DataFrame(self.state["history"]).to_csv(temporary, index=False)
        self.checkpoints.save(epoch + 1, self.state, keep=self.state["best_epoch"])
        self._bar.set_postfix(loss=f"{row['loss']:.4f}", **self._shown(row), refresh=False)
        self._bar.update()
        self.model.stop_training = self.state["stopped"]

    def _train_figures(self, logs: dict) -> dict[str, float]:
        """Return Keras's figures; it leaves the task's name out where there is one task."""
        figures = {"loss": logs["loss"]}
        for name, value in logs.items():
            if len(self.config.tasks) == 1 and not name.startswith(f"{self.config.tasks[0]}_"):
                name = name if name == "loss" else f"{self.config.tasks[0]}_{name}"
            figures[name] = float(value)
        rate = self.model.optimizer.learning_rate
        if callable(rate):
            rate = rate(self.model.optimizer.iterations)
        return {**figures, "learning_rate": float(rate)}

    def _validate(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        with self.average.applied() if self.average else nullcontext():
            rows, outputs = self.validation.outputs(self.kept)
            figures = self.validation.metrics_of(
                self.kept, rows, outputs, bootstrap=0, lengths=False
            )
            losses = self.validation.losses(self.kept, rows, outputs)
        row = {"val_loss": sum(losses.values()), "val_skill": mean_skill(figures)}
        if len(losses) > 1:
            row |= {f"val_{task}_loss": loss for task, loss in losses.items()}
        for task, values in figures.items():
            shown = [name for name in _VALIDATION_FIGURES if name in values]
            row |= {f"val_{task}_{name}": values[name] for name in shown}
        return row

    def _choose(self, row: dict) -> None:
        """Note whether this epoch is the best, and whether to stop."""
        if self.validation is None:
            self.state["best_epoch"] = row["epoch"]
            return
        name = f"val_{self.monitor}"
        if name not in row:
            known = ", ".join(k.removeprefix("val_") for k in row if k.startswith("val_"))
            raise InputError(f"monitor={self.monitor!r} is not measured; known are {known}")
        value = -row[name] if self.monitor.endswith(_LOWER_IS_BETTER) else row[name]
        if self.state["best_value"] is None or value > self.state["best_value"]:
            self.state |= {"best_epoch": row["epoch"], "best_value": value}
        waited = row["epoch"] - self.state["best_epoch"]
        self.state["stopped"] = bool(self.config.patience) and waited >= self.config.patience

    def _shown(self, row: dict) -> dict[str, str]:
        name = f"val_{self.monitor}"
        return {name: f"{row[name]:.4f}"} if name in row else {}
