"""Views of a clip with its optical flow by turns and reflections: the vectors turn with it."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class TurnedFlowViews(tf.keras.layers.Layer):
    """Shows the rest of a network each clip in eight ways; `MeanOfViews(8)` joins them.

    As `TurnedViews`, for clips whose last two channels are flow (dx, dy), encoded to [0, 1] with
    0.5 for no motion: what a mirror makes of dx is 1 - dx, and a reflection in the diagonal
    exchanges dx and dy. In training the clips pass unchanged, since augmentation turns them there.

    Input: [n, t, s, s, c + 2]. Output: [8 n, t, s, s, c + 2] at prediction, the input in training.
    """

    def call(self, clips, training=None):
        """Return the clips, or at prediction their eight views."""
        if training:
            return clips
        frames, flow = clips[..., :-2], clips[..., -2:]
        swapped = [tf.transpose(x, [0, 1, 3, 2, 4]) for x in (frames, flow[..., ::-1])]
        views = [
            _mirror(*pair, axes)
            for pair in ((frames, flow), swapped)
            for axes in ([], [2], [3], [2, 3])
        ]
        return tf.concat(views, axis=0)


def _mirror(frames: tf.Tensor, flow: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Return frames and flow reversed along rows (2), columns (3) or both, side by side."""
    mirrored = tf.constant([3 in axes, 2 in axes])
    flow = tf.where(mirrored, 1.0 - flow, flow)
    both = tf.concat([frames, flow], axis=-1)
    return tf.reverse(both, axes) if axes else both
