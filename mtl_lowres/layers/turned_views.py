"""Views of a sample by turns and reflections, inside the graph and without parameters."""

import tensorflow as tf

# Four quarter turns, each with its mirror image.
TURNS = 8


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class TurnedViews(tf.keras.layers.Layer):
    """Shows the rest of a network each clip in eight ways; `MeanOfViews(8)` joins them.

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
class MirroredViews(tf.keras.layers.Layer):
    """Shows the rest of a network each image and its mirror image; `MeanOfViews(2)` joins them.

    In training the images pass unchanged, since augmentation mirrors them there.

    Input: [n, h, w, c]. Output: [2 n, h, w, c] at prediction, the input in training.
    """

    def call(self, images, training=None):
        """Return the images, or at prediction their two views."""
        if training:
            return images
        return tf.concat([images, tf.reverse(images, [2])], axis=0)
