"""Mirror images of what networks take."""

import tensorflow as tf

_FLOW_CHANNELS = 5


def mirror_images(inputs: tf.Tensor, vertical: bool = False) -> tf.Tensor:
    """Return images [n, h, w, c] or clips [n, t, h, w, c] with left and right exchanged.

    Of clips with five channels the flow to the right, the fourth, becomes flow to the left. Stored
    unit features [n, units, d] have no mirror image that is known, and come back as they are.

    Args:
        inputs: values in [0, 1]; flow of no length is 0.5.
        vertical: exchange top and bottom instead, and of flow the fifth channel, downwards.
    """
    if len(inputs.shape) < 4:
        return inputs
    mirrored = tf.reverse(inputs, axis=[-3 if vertical else -2])
    if len(inputs.shape) != 5 or inputs.shape[-1] != _FLOW_CHANNELS:
        return mirrored
    colours, right, down = tf.split(mirrored, [3, 1, 1], axis=-1)
    flow = [right, 1.0 - down] if vertical else [1.0 - right, down]
    return tf.concat([colours, *flow], axis=-1)
