"""Class vectors that a sample is compared with by angle or by distance, and a sample's length."""

import tensorflow as tf

from mtl_lowres.errors import InputError

# Square of the least length that is told from 0: the root's slope at 0 is infinite.
_SMALLEST_SQUARE = 1e-12


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class CosineLogits(tf.keras.layers.Layer):
    """Cosines of the angles between a vector and one vector of each class.

    It is a dense layer without bias whose input and whose columns have length 1; its kernel has
    the name and, with one centre, the shape [d, classes] of such a dense layer's, so that either
    can start from the other's weights.

    Args:
        classes: number of classes, at least 1.
        centres: vectors a class, at least 1; the nearest one counts.

    Raises:
        InputError: if an argument is not a positive integer.

    Shapes:
        float [n, d] -> float [n, classes] in [-1, 1], up to rounding.

    Source: SphereFace (Liu et al., CVPR 2017); several centres from "Sub-center ArcFace" (Deng et
    al., ECCV 2020).
    """

    def __init__(self, classes: int, centres: int = 1, **kwargs):
        super().__init__(**kwargs)
        for option, value in (("classes", classes), ("centres", centres)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(
                    f"{option}={value!r} cannot be used: give an integer of at least 1"
                )
        self.classes = classes
        self.centres = centres

    def build(self, input_shape):
        """Create the class vectors, [d, classes * centres]."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.classes * self.centres),
            initializer="glorot_uniform",
        )
        super().build(input_shape)

    def call(self, vectors):
        """Return the cosines."""
        vectors = tf.math.l2_normalize(vectors, axis=-1)
        cosines = tf.matmul(vectors, tf.math.l2_normalize(self.kernel, axis=0))
        if self.centres == 1:
            return cosines
        return tf.reduce_max(tf.reshape(cosines, [-1, self.classes, self.centres]), axis=-1)

    def compute_output_shape(self, input_shape):
        """Return [n, classes]."""
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "classes": self.classes, "centres": self.centres}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class CentreDistances(tf.keras.layers.Layer):
    """Squared Euclidean distances between a vector and the centre of each class.

    The centres start at 0 and are learnt by whatever loss is put on the distances.

    Args:
        classes: number of classes.

    Shapes:
        float [n, d] -> float [n, classes], not negative.

    Source: the class centres of Wen et al., ECCV 2016.
    """

    def __init__(self, classes: int, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape):
        """Create the centres, [classes, d]."""
        shape = (self.classes, input_shape[-1])
        self.centres = self.add_weight(name="centres", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, vectors):
        """Return the squared distances."""
        products = tf.matmul(vectors, self.centres, transpose_b=True)
        squares = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
        squared = squares + tf.reduce_sum(tf.square(self.centres), axis=-1) - 2.0 * products
        return tf.nn.relu(squared)

    def compute_output_shape(self, input_shape):
        """Return [n, classes]."""
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "classes": self.classes}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class VectorLength(tf.keras.layers.Layer):
    """The Euclidean length of a vector.

    Shapes:
        float [n, d] -> float [n, 1].
    """

    def call(self, vectors):
        """Return the lengths."""
        return _lengths(vectors)

    def compute_output_shape(self, input_shape):
        """Return [n, 1]."""
        return (*input_shape[:-1], 1)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class StandardisedLength(tf.keras.layers.Layer):
    """How long a vector is compared with those of recent batches; in faces, how clear it is.

    It is the length minus a running mean, over a running deviation; both learn from the lengths in
    each batch of training, labelled or not, and stay as they are at prediction. No gradient passes.

    Args:
        momentum: share of the newest batch in the running figures, in (0, 1].

    Raises:
        InputError: if `momentum` is out of range.

    Shapes:
        float [n, d] -> float [n, 1].

    Source: AdaFace (Kim et al., CVPR 2022), section 3.3, and its release, of which are the first
    mean 20 and deviation 100 and the limits 0.001 and 100 of a length. Its deviation is divided by
    n - 1, ours by n, which a batch of one survives.
    """

    def __init__(self, momentum: float = 0.01, **kwargs):
        super().__init__(**kwargs)
        if not 0 < momentum <= 1:
            raise InputError(f"momentum={momentum!r} cannot be used: give a number in (0, 1]")
        self.momentum = float(momentum)

    def build(self, input_shape):
        """Create the running mean and deviation."""
        self.mean = self._running("mean", 20.0)
        self.deviation = self._running("deviation", 100.0)
        super().build(input_shape)

    def _running(self, name: str, start: float) -> tf.Variable:
        return self.add_weight(
            name=name,
            shape=(),
            initializer=tf.keras.initializers.Constant(start),
            trainable=False,
            aggregation=tf.VariableAggregation.MEAN,
        )

    def call(self, vectors, training=None):
        """Return the standardised lengths."""
        lengths = tf.stop_gradient(tf.clip_by_value(_lengths(vectors), 1e-3, 100.0))
        if training:
            for running, new in (
                (self.mean, tf.reduce_mean(lengths)),
                (self.deviation, tf.math.reduce_std(lengths)),
            ):
                running.assign_add(self.momentum * (new - running))
        return (lengths - self.mean) / (self.deviation + 1e-3)

    def compute_output_shape(self, input_shape):
        """Return [n, 1]."""
        return (*input_shape[:-1], 1)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "momentum": self.momentum}


def _lengths(vectors: tf.Tensor) -> tf.Tensor:
    squared = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
    return tf.sqrt(tf.maximum(squared, _SMALLEST_SQUARE))
