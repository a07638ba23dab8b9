"""Which weights of a backbone inside a trunk learn."""

import tensorflow as tf


def freeze_backbone(network: tf.keras.Model, trainable: bool, train_batch_norm: bool) -> None:
    """Fix the weights of a backbone, or those of its batch normalisations alone.

    Args:
        network: the backbone.
        trainable: whether it learns at all.
        train_batch_norm: whether its batch normalisations learn and use the statistics of the
            batch; False keeps those of the pretrained weights, as small batches need.
    """
    network.trainable = trainable
    if train_batch_norm:
        return
    for module in network.submodules:
        if isinstance(module, tf.keras.layers.BatchNormalization):
            module.trainable = False
