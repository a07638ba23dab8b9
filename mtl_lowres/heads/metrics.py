"""Metrics of classification heads, for `fit` and `evaluate`.

They take labels as class indices int [n] or distributions [n, classes] (whose most likely class
counts), outputs whose first columns are the probabilities [n, classes], and sample weights [n],
where 0 marks a missing label.
"""

import tensorflow as tf

from mtl_lowres.losses.labels import to_index


def is_correct(y_true: tf.Tensor, y_pred: tf.Tensor, classes: int) -> tf.Tensor:
    """Return 1 where the most likely of the classes is the label, else 0; float32 [n]."""
    return tf.cast(to_index(y_true) == _most_likely(y_pred, classes), tf.float32)


def _most_likely(y_pred: tf.Tensor, classes: int) -> tf.Tensor:
    return tf.argmax(tf.convert_to_tensor(y_pred)[:, :classes], axis=-1)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class Accuracy(tf.keras.metrics.MeanMetricWrapper):
    """Share of labelled samples whose most likely class is the label (top-1), in [0, 1].

    Args:
        classes: number of classes.
        name: of the metric.
        dtype: of the sums.
    """

    def __init__(self, classes: int, name: str = "accuracy", dtype=None):
        super().__init__(is_correct, name=name, dtype=dtype, classes=classes)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class MacroF1(tf.keras.metrics.Metric):
    """Mean over the classes of the F1 score, in [0, 1], over all samples since the last reset.

    Only classes that occur among the labels or the predictions take part in the mean, as in
    scikit-learn's `f1_score(average="macro")`; the result is 0 before the first labelled sample.

    Args:
        classes: number of classes.
        name: of the metric.
        dtype: of the counts, exact up to 2**24 samples a class in float32.
    """

    def __init__(self, classes: int, name: str = "macro_f1", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.classes = classes
        self._hits = self.add_weight("hits", shape=(classes,), initializer="zeros")
        self._labelled = self.add_weight("labelled", shape=(classes,), initializer="zeros")
        self._predicted = self.add_weight("predicted", shape=(classes,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count labels, predictions and their agreement."""
        labels = tf.one_hot(to_index(y_true), self.classes, dtype=self.dtype)
        predictions = tf.one_hot(_most_likely(y_pred, self.classes), self.classes, dtype=self.dtype)
        weights = tf.ones([1, 1], self.dtype)
        if sample_weight is not None:
            weights = tf.reshape(tf.cast(sample_weight, self.dtype), [-1, 1])
        self._hits.assign_add(tf.reduce_sum(weights * labels * predictions, axis=0))
        self._labelled.assign_add(tf.reduce_sum(weights * labels, axis=0))
        self._predicted.assign_add(tf.reduce_sum(weights * predictions, axis=0))

    def result(self):
        """Return the macro-F1 so far, a scalar."""
        # F1 = 2 TP / (2 TP + FP + FN), and labelled + predicted is that denominator.
        denominator = self._labelled + self._predicted
        f1 = tf.math.divide_no_nan(2.0 * self._hits, denominator)
        occurring = tf.cast(denominator > 0, self.dtype)
        return tf.math.divide_no_nan(tf.reduce_sum(f1), tf.reduce_sum(occurring))

    def reset_state(self):
        """Forget all samples."""
        # Keras's own reset assigns a scalar, which vectors refuse.
        for count in self.variables:
            count.assign(tf.zeros_like(count))

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "classes": self.classes}
