"""What every head provides."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError


class Head:
    """Everything about one task: its output, loss, metrics, and how an output reads and is served.

    A head holds settings only. Its weights live in the layers that `build` adds to a model, so one
    head can build several models.

    Attributes:
        classes: number of classes of a head that chooses among them, else None.
        unit: of the number that a continuous head answers, such as `"years"`, else None. Such a
            head has `values` beside what is defined here. A head with neither classes nor a unit
            answers an embedding and nothing else.
    """

    classes: int | None = None
    unit: str | None = None

    @property
    def embeds(self) -> bool:
        """Whether the output holds an embedding, which `embedding_of` takes out of it."""
        return False

    def embedding_of(self, outputs):
        """Return the embeddings float32 [n, d] within outputs, a tensor or an array.

        Raises:
            InputError: if the head has none.
        """
        raise InputError(
            f"the head {type(self).__name__} has no embedding: use Embedding(), or Identity with "
            "the option embedding"
        )

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Add the head's layers to a graph and return its output.

        Args:
            features: symbolic [n, d], the output of a trunk.
            name: of the task; it becomes the name of the output layer and the prefix of all others.

        Returns:
            Symbolic output, float32 under every dtype policy.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build(features, name)")

    def loss(self) -> tf.keras.losses.Loss:
        """Return the loss that the head is trained with."""
        raise NotImplementedError(f"{type(self).__name__} must define loss()")

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Return new metrics; they take the same labels, outputs and sample weights as the loss."""
        raise NotImplementedError(f"{type(self).__name__} must define metrics()")

    def callbacks(self, task: str) -> list[tf.keras.callbacks.Callback]:
        """Return the callbacks that `fit` runs for the head, none by default.

        Args:
            task: of the head in the model that is trained.
        """
        return []

    def decode(
        self, outputs: np.ndarray, class_names: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return what each output means to a person, as JSON-able values.

        Args:
            outputs: what the built model predicts, [n, ...].
            class_names: name of each class; without them a class is called by its index.

        Returns:
            One dict a sample with at least `label`, text; beside it `index` and `confidence` where
            there are classes, `value` and `unit` of a number, `embedding` where there is no more.
        """
        raise NotImplementedError(f"{type(self).__name__} must define decode(outputs)")

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the tensors that an exported model answers with, by the suffix of their name."""
        raise NotImplementedError(f"{type(self).__name__} must define serve(output)")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON-able values."""
        raise NotImplementedError(f"{type(self).__name__} must define get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Head":
        """Return the head that `get_config` described."""
        return cls(**config)
