"""Optimisers and learning-rate schedules by name, and the moving average of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from mtl_lowres.training.config import TrainConfig

_NO_DECAY = ["bias", "gamma", "beta"]


def make_optimizer(
    config: TrainConfig, steps_per_epoch: int, trunk: list[tf.Variable] = ()
) -> tf.keras.optimizers.Optimizer:
    """Return the optimiser of a run; its schedule depends on its step counter alone.

    `lazyadam` is TensorFlow Addons' Adam that leaves rows without a gradient untouched; `sgd` has
    Nesterov momentum 0.9; `rmsprop` is PyTorch's. `adamw` decays no bias and no scale or offset of
    a normalisation.

    Args:
        config: the settings.
        steps_per_epoch: batches an epoch.
        trunk: the variables that `config.trunk_pace` slows down.
    """
    rate = learning_rate(config, steps_per_epoch)
    clip = config.clip_norm or None
    if config.optimizer == "adam":
        return tf.keras.optimizers.Adam(rate, global_clipnorm=clip)
    if config.optimizer == "sgd":
        return tf.keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, global_clipnorm=clip)
    if config.optimizer == "rmsprop":
        # PyTorch's default of 1e-8 is added to the root, which Keras takes of the sum.
        return tf.keras.optimizers.RMSprop(rate, rho=0.99, epsilon=1e-16, global_clipnorm=clip)
    if config.optimizer == "lazyadam":
        # Imported here: TensorFlow Addons is at its end of life and slow to load.
        import tensorflow_addons as tfa

        return tfa.optimizers.LazyAdam(rate)
    options = {"weight_decay": config.weight_decay, "global_clipnorm": clip}
    if config.trunk_pace == 1:
        optimizer = tf.keras.optimizers.AdamW(rate, **options)
    else:
        optimizer = SlowTrunkAdamW(rate, pace=config.trunk_pace, trunk=trunk, **options)
    optimizer.exclude_from_weight_decay(var_names=_NO_DECAY)
    return optimizer


class SlowTrunkAdamW(tf.keras.optimizers.AdamW):
    """AdamW whose steps of some variables, weight decay included, are shortened.

    Args:
        learning_rate: number or schedule.
        pace: factor on the steps of `trunk`, in (0, 1].
        trunk: the variables.
        **options: of AdamW.
    """

    def __init__(self, learning_rate, *, pace: float, trunk: list[tf.Variable], **options):
        super().__init__(learning_rate, **options)
        self.pace = pace
        self._trunk = {variable.ref() for variable in trunk}

    def update_step(self, gradient, variable):
        """Move a variable against its gradient, one of the trunk by a part of the step."""
        if variable.ref() not in self._trunk:
            super().update_step(gradient, variable)
            return
        before = variable.read_value()
        super().update_step(gradient, variable)
        # Keras has already decayed the weight by a whole step: all but `pace` of it is undone.
        decay = 0.0
        if self._use_weight_decay(variable):
            decay = self.learning_rate * self.weight_decay
        undecayed = before / (1.0 - decay)
        variable.assign(undecayed + self.pace * (variable - undecayed))


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
