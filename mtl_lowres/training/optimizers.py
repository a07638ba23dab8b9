"""Optimisers and learning-rate schedules by name, and the moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from mtl_lowres.training.config import TrainConfig


def make_optimizer(config: TrainConfig, steps_per_epoch: int) -> tf.keras.optimizers.Optimizer:
    """Return the optimiser of a run; its schedule depends on its step counter alone.

    `lazyadam` is TensorFlow Addons' Adam that leaves rows without a gradient untouched; `sgd` has
    Nesterov momentum 0.9. `adamw` decays no bias and no scale or offset of a normalisation.
    """
    rate = learning_rate(config, steps_per_epoch)
    if config.optimizer == "adam":
        return tf.keras.optimizers.Adam(rate)
    if config.optimizer == "sgd":
        return tf.keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    if config.optimizer == "lazyadam":
        # Imported here: TensorFlow Addons is at its end of life and slow to load.
        import tensorflow_addons as tfa

        return tfa.optimizers.LazyAdam(rate)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def learning_rate(config: TrainConfig, steps_per_epoch: int):
    """Return the learning rate: a number, or a Keras schedule that is a function of the step."""
    warmup = round(config.warmup_epochs * steps_per_epoch)
    total = config.epochs * steps_per_epoch
    if config.schedule == "cosine":
        return tf.keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else config.learning_rate,
            decay_steps=max(total - warmup, 1),
            warmup_target=config.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    if warmup:
        return tf.keras.optimizers.schedules.PolynomialDecay(
            0.0, decay_steps=warmup, end_learning_rate=config.learning_rate
        )
    return config.learning_rate


class WeightAverage(tf.keras.callbacks.Callback):
    """Exponential moving average of all weights, batch-norm statistics included.

    The decay grows as (1 + step) / (10 + step) up to `decay`, so that early averages do not
    remember the random start. Checkpoint it through `variables`.
    """

    def __init__(self, decay: float, weights: list[tf.Variable]):
        super().__init__()
        self.decay = decay
        self.weights = [w for w in weights if w.dtype.is_floating]
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.averages = [tf.Variable(w, trainable=False) for w in self.weights]
        self.variables = [self.step, *self.averages]
        self._update = tf.function(self._update_averages)

    def _update_averages(self):
        self.step.assign_add(1)
        step = tf.cast(self.step, tf.float32)
        decay = tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign_sub((1.0 - tf.cast(decay, weight.dtype)) * (average - weight))

    def on_train_batch_end(self, batch, logs=None):
        """Fold the weights after this step into the average."""
        self._update()

    def keep(self) -> None:
        """Give the model the averaged weights for good."""
        for weight, average in zip(self.weights, self.averages, strict=True):
            weight.assign(average)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the model has the averaged weights."""
        trained = [weight.numpy() for weight in self.weights]
        self.keep()
        try:
            yield
        finally:
            for weight, value in zip(self.weights, trained, strict=True):
                weight.assign(value)
