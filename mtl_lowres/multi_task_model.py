"""The Keras model that `build_model` makes: one trunk, any heads, and how it is trained."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from mtl_lowres.data.passes import through_one_iterator
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Head
from mtl_lowres.weighting import Equal, TaskStep, TaskWeighting, parse_weighting


class MultiTaskModel(tf.keras.Model):
    """A Functional model whose outputs are a dict by task name; `build_model` makes it.

    A batch in which no row has a label of some task changes nothing in that task's head, whatever
    the optimiser: neither weights (as momentum or weight decay would), nor the statistics of batch
    normalisation, nor the optimiser's memory of them (that of Keras's optimisers, not of its legacy
    ones).

    Attributes:
        trunk: the model from inputs to features; its layers are this model's own.
        heads: task -> head; empty for a model made from inputs and outputs alone.
        description: JSON-able dict from which `load_model` builds the model again: `trunk`,
            `trunk_options`, `heads`, `input_shape`, `degrade`, `clip`, `class_names`, `versions`.
        weighting: the task weighting it was compiled with, None before.
    """

    # Tracked, the trunk would be saved a second time and the dicts wrapped in Keras's own.
    @tf.__internal__.tracking.no_automatic_dependency_tracking
    def __init__(
        self,
        inputs,
        outputs,
        trunk: tf.keras.Model | None = None,
        heads: dict[str, Head] | None = None,
        description: dict[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.trunk = trunk
        self.heads = dict(heads or {})
        self.description = description or {}
        self.weighting = None

    @property
    def class_names(self) -> dict[str, list[str]]:
        """Names of the classes, by task; a task whose names are unknown is left out."""
        return self.description.get("class_names", {})

    @functools.cached_property
    def forward(self):
        """The model at prediction as one traced function: inputs -> dict of outputs by task.

        On small images it takes a fraction of the time of `predict`, which sets up a data pipeline
        at every call.
        """
        spec = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), self.input)
        return tf.function(lambda inputs: self(inputs, training=False), input_signature=[spec])

    @functools.cached_property
    def head_layers(self) -> dict[str, list[tf.keras.layers.Layer]]:
        """Task -> the layers between the trunk and the task's output."""
        trunk = set(map(id, self.trunk.layers))
        return {
            task: [
                layer
                for layer in _layers_behind(output, lambda layer: id(layer) in trunk)
                if id(layer) not in trunk
            ]
            for task, output in self.output.items()
        }

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        loss_weights=None,
        weighted_metrics=None,
        *,
        weighting: str | TaskWeighting = "equal",
        **kwargs,
    ):
        """Configure training as Keras does, with the heads' losses and metrics as defaults.

        The heads' metrics are weighted ones, so that a sample without a label does not count.
        With one task Keras reports `macro_f1`, with several `<task>_macro_f1`. The `loss` that
        `fit` reports is the plain sum of the tasks' under every `weighting`, so that runs compare;
        `model.weighting.task_weights()` tells the weights.

        Args:
            optimizer: name or instance.
            loss: task -> loss; default: that of each head.
            metrics: as in Keras; these ignore the sample weights.
            loss_weights: as in Keras, for `weighting="equal"` alone; default: all tasks alike.
            weighted_metrics: task -> metrics; default: those of each head, none for `[]`.
            weighting: how the tasks' losses are weighed: a text such as `"uncertainty"` or
                `"fixed(posture=1, age=0.2)"`, or an object; `mtl_lowres.weighting` has them all.
            **kwargs: further arguments of `tf.keras.Model.compile`.

        Raises:
            InputError: if `weighting` cannot be used.
        """
        if loss is None and self.heads:
            loss = {task: head.loss() for task, head in self.heads.items()}
        if weighted_metrics is None and self.heads:
            weighted_metrics = {task: head.metrics() for task, head in self.heads.items()}
        weighting = parse_weighting(weighting) if isinstance(weighting, str) else weighting
        self._check_weighting(weighting, loss, loss_weights)
        if self.heads:
            weighting.build(list(self.heads))
        self._set_weighting(weighting)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            loss_weights=loss_weights,
            weighted_metrics=weighted_metrics,
            **kwargs,
        )

    # Tracked, its variables would count as weights of the network.
    @tf.__internal__.tracking.no_automatic_dependency_tracking
    def _set_weighting(self, weighting: TaskWeighting) -> None:
        self.weighting = weighting

    def fit(self, x=None, *args, callbacks=None, **kwargs) -> tf.keras.callbacks.History:
        """Train as Keras does; the weighting's and the heads' callbacks run before the others.

        A dataset of known length is read through one iterator for all epochs.
        """
        learn = tf.keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: self.weighting.on_epoch_end()
        )
        first = [learn] if self.heads and self.weighting else []
        for task, head in self.heads.items():
            first += head.callbacks(task)
        callbacks = [*first, *tf.nest.flatten(callbacks or [])]
        if self.heads:
            self._make_training_variables()
        x, kwargs = through_one_iterator(x, kwargs)
        return super().fit(x, *args, callbacks=callbacks, **kwargs)

    def _make_training_variables(self) -> None:
        """Make what Keras would make within the first step, which is then traced a second time."""
        if isinstance(self.optimizer, tf.keras.optimizers.Optimizer):
            self.optimizer.build(self.trainable_variables)
        if not self.compiled_loss.built:
            self.compiled_loss.build(dict(self.output))

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """Take one step of training; heads without a label in the batch stay as they are."""
        if not self.heads:
            return super().train_step(data)
        _, labels, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        labelled = {task: _has_label(task, labels, sample_weight) for task in self.heads}
        state = {task: self._head_state(task) for task in self.heads if labelled[task] is not True}
        before = {task: [v.read_value() for v in variables] for task, variables in state.items()}
        if isinstance(self.weighting, Equal):
            logs = super().train_step(data)
        else:
            logs = self._weighted_step(data, labelled)
        for task, variables in state.items():
            _restore_unless(labelled[task], variables, before[task])
        return logs

    def _weighted_step(self, data, labelled: dict) -> dict[str, tf.Tensor]:
        inputs, labels, sample_weight = tf.keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape(persistent=True) as tape:
            outputs = self(inputs, training=True)
            losses = [
                _task_loss(
                    _of(self.loss, task),
                    outputs[task],
                    _of(labels, task),
                    _of(sample_weight, task),
                )
                for task in self.heads
            ]
            penalty = tf.add_n(self.losses) if self.losses else None
        # Keras's own total is for the log alone.
        self.compute_loss(inputs, labels, outputs, sample_weight)
        step = TaskStep(
            tape,
            losses,
            tf.stack(list(labelled.values())),
            penalty,
            self.trainable_variables,
            self.trunk.trainable_variables,
            _last_matrices(self.trunk),
        )
        gradients = self.weighting.gradients(step)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self.compute_metrics(inputs, labels, outputs, sample_weight)

    def _head_state(self, task: str) -> list[tf.Variable]:
        """Return a head's variables and what the optimiser remembers of them."""
        variables = [v for layer in self.head_layers[task] for v in layer.weights]
        if not isinstance(self.optimizer, tf.keras.optimizers.Optimizer):
            return variables
        with tf.init_scope():
            self.optimizer.build(self.trainable_variables)
        mine = {id(v) for v in variables}
        # Keras ends the names of the optimiser's variables with that of the model's variable.
        own = tuple(f"/{v.name}" for v in variables)
        others = tuple(f"/{v.name}" for v in self.weights if id(v) not in mine)
        names = {v.name: v for v in self.optimizer.variables}
        return variables + [
            v for name, v in names.items() if name.endswith(own) and not name.endswith(others)
        ]

    def _check_weighting(self, weighting, loss, loss_weights) -> None:
        if not isinstance(weighting, TaskWeighting):
            raise InputError(f"weighting={weighting!r} is no weighting: give e.g. 'uncertainty'")
        if isinstance(weighting, Equal):
            return
        name = type(weighting).__name__
        if not self.heads:
            raise InputError(f"{name} weighs tasks, but this model has no heads: use build_model")
        if loss_weights is not None:
            raise InputError(
                f"loss_weights={loss_weights!r} and {name} both weigh the tasks: give one of them"
            )
        for task in self.heads:
            given = loss.get(task) if isinstance(loss, dict) else loss
            if not isinstance(given, tf.keras.losses.Loss):
                raise InputError(
                    f"loss {given!r} of task {task!r} cannot be weighted by {name}: give a dict "
                    "from task to tf.keras.losses.Loss objects"
                )
        if weighting.needs_shared and not _last_matrices(self.trunk):
            raise InputError(
                f"{name} compares gradients of the trunk {self.trunk.name!r}, which has nothing "
                "to train: unfreeze it or choose another weighting"
            )


def _layers_behind(
    output: tf.Tensor, is_last: Callable[[tf.keras.layers.Layer], bool]
) -> Iterator[tf.keras.layers.Layer]:
    """Yield the layers that make a symbolic tensor, nearest first, none behind a last one."""
    waiting, seen, yielded = tf.nest.flatten(output), set(), set()
    while waiting:
        layer, node_index, _ = waiting.pop(0)._keras_history
        node = layer.inbound_nodes[node_index]
        if id(node) in seen:
            continue
        seen.add(id(node))
        if id(layer) not in yielded:
            yielded.add(id(layer))
            yield layer
        if not is_last(layer):
            waiting.extend(node.keras_inputs)


def _last_matrices(trunk: tf.keras.Model) -> list[tf.Variable]:
    """Return the trained matrices nearest to the output, one layer's on every path to it."""
    layers = _layers_behind(trunk.output, lambda layer: bool(_matrices(layer)))
    return [matrix for layer in layers for matrix in _matrices(layer)]


def _matrices(layer: tf.keras.layers.Layer) -> list[tf.Variable]:
    return [weight for weight in layer.trainable_weights if weight.shape.rank > 1]


def _of(values, task: str):
    """Return a task's part of a batch's labels or sample weights; one array is for all tasks."""
    return values.get(task) if isinstance(values, dict) else values


def _has_label(task: str, labels, sample_weight) -> tf.Tensor | bool:
    """Return whether any row has a label; True itself where that is known without the data."""
    if _of(labels, task) is None:
        return tf.constant(False)
    weight = _of(sample_weight, task)
    return True if weight is None else tf.reduce_any(weight > 0)


def _task_loss(loss: tf.keras.losses.Loss, output, truth, weight) -> tf.Tensor:
    """Return a task's loss from what Keras would hand to it, 0 without labels."""
    if truth is None:
        return tf.zeros([])
    if truth.shape.rank == 1 and output.shape.rank == 2:
        truth = truth[:, None]
    if truth.dtype.is_floating:
        truth = tf.cast(truth, output.dtype)
    return tf.cast(loss(truth, output, sample_weight=weight), tf.float32)


def _restore_unless(labelled: tf.Tensor, variables: list[tf.Variable], values: list) -> None:
    def restore() -> bool:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return True

    tf.cond(labelled, lambda: True, restore)
