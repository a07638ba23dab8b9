"""Prediction averaged over turns and reflections, inside the graph and without parameters."""

import tensorflow as tf

# Four quarter turns, each with its mirror image.
TURNS = 8


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class TurnedViews(tf.keras.layers.Layer):
    """Shows the rest of a network each clip in eight ways; `MeanOfTurns` joins what it says.

    For a camera that looks straight down, a room has no upper side. In training the clips pass
    unchanged, since augmentation turns them there.

    Input: [n, t, s, s, c]. Output: [8 n, t, s, s, c] at prediction, the input in training.
    """

    def call(self, clips, training=None):
        """Return the clips, or at prediction their eight views."""
        if training:
            return clips
        swapped = tf.transpose(clips, [0, 1, 3, 2, 4])
        views = [
            tf.reverse(view, axes) if axes else view
            for view in (clips, swapped)
            for axes in ([], [2], [3], [2, 3])
        ]
        return tf.concat(views, axis=0)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class MeanOfTurns(tf.keras.layers.Layer):
    """Averages features over the views that `TurnedViews` made; in training they pass unchanged.

    Input: [8 n, d] at prediction, [n, d] in training. Output: [n, d].
    """

    def call(self, features, training=None):
        """Return the features, or at prediction their mean over the views of each clip."""
        if training:
            return features
        count = tf.shape(features)[0] // TURNS
        return tf.reduce_mean(tf.reshape(features, [TURNS, count, features.shape[-1]]), axis=0)
