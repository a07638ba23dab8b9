"""What a network says of several views of the same sample, averaged."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class MeanOfViews(tf.keras.layers.Layer):
    """Averages features over the views that another layer made; in training they pass unchanged.

    Input: [views n, d] at prediction, all samples in the first view, then all in the second, and so
    on; [n, d] in training. Output: [n, d].

    Args:
        views: how many there are of each sample.
    """

    def __init__(self, views: int, **kwargs):
        super().__init__(**kwargs)
        self.views = views

    def call(self, features, training=None):
        """Return the features, or at prediction their mean over the views of each sample."""
        if training:
            return features
        count = tf.shape(features)[0] // self.views
        views = tf.reshape(features, [self.views, count, features.shape[-1]])
        return tf.reduce_mean(views, axis=0)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "views": self.views}
