"""What a transfer network is trained towards: clusters or the high-resolution features."""

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SignedPower
from mtl_lowres.training.pseudo_labels import fit_clusters
from mtl_lowres.training.transfer_config import TransferConfig

ROWS_AT_ONCE = 4096


def make_goal(
    high: np.ndarray, low: np.ndarray, config: TransferConfig
) -> "ClusterGoal | FeatureGoal":
    """Return what the settings ask for.

    Args:
        high: features at high resolution, float32 [n, d].
        low: features of the same samples at low resolution.
        config: the settings.

    Raises:
        InputError: if there are fewer features than the settings ask for, or fewer samples than
            clusters.
    """
    if config.target_last > high.shape[1]:
        raise InputError(
            f"target_last={config.target_last} of {high.shape[1]} features cannot be had: use at "
            f"most {high.shape[1]}, or 0 for all"
        )
    if config.target == "features":
        return FeatureGoal(signed_power(_last(high, config), config.power))
    return ClusterGoal(high, low, config)


def _last(features: np.ndarray, config: TransferConfig) -> np.ndarray:
    """Return the features that the target is of."""
    return features[:, -config.target_last :]


def signed_power(features: np.ndarray, exponent: float) -> np.ndarray:
    """Return sign(x) * |x| ** exponent, of float32 features, as the network takes them."""
    return SignedPower(exponent)(features).numpy() if exponent != 1 else features


class FeatureGoal:
    """The standardised high-resolution features, and the mean squared error to them.

    Attributes:
        targets: of each sample, float32 [n, d].
        width: of the outputs that the loss sees.
    """

    clusters = agreement = cluster_of_twin = None

    def __init__(self, high: np.ndarray):
        deviation = high.std(axis=0)
        self.targets = (high - high.mean(axis=0)) / np.where(deviation > 1e-7, deviation, 1)
        self.width = high.shape[1]

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the scalar loss of a batch."""
        return tf.reduce_mean(tf.math.squared_difference(targets, outputs))

    def after_epoch(self, epoch: int, network: tf.keras.Model) -> None:
        """Leave the targets as they are."""


class ClusterGoal:
    """The cluster of each sample as its label, and the cross-entropy of it.

    Attributes:
        targets: pseudo-label of each sample, int64 [n].
        cluster_of_twin: cluster of its high-resolution features, int64 [n].
        width: of the outputs that the loss sees, the number of clusters.
        clusters: of the high-resolution features.
        agreement: share of samples whose low-resolution features are nearest to the centroid of
            the cluster of their high-resolution ones.
    """

    def __init__(self, high: np.ndarray, low: np.ndarray, config: TransferConfig):
        self.width, self._high, self._low, self._config = config.fc2, high, low, config
        self._cluster(*(signed_power(_last(x, config), config.power) for x in (high, low)))

    def _cluster(self, high, low, start: np.ndarray | None = None) -> None:
        config = self._config
        self.clusters = fit_clusters(
            high,
            config.fc2,
            cosine=config.cosine,
            whiten=config.whiten,
            minibatch_above=config.minibatch_above,
            start=start,
            seed=config.seed,
        )
        self.cluster_of_twin = self.clusters.nearest(high)
        nearest = self.clusters.nearest(low)
        self.agreement = float(np.mean(nearest == self.cluster_of_twin))
        self.targets = nearest if config.assign == "nearest" else self.cluster_of_twin

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the scalar loss of a batch."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        return tf.reduce_mean(losses)

    def after_epoch(self, epoch: int, network: tf.keras.Model) -> None:
        """Cluster again where it is time, from the clusters as they are, so that they stay put."""
        every, last = self._config.recluster, self._config.epochs
        if every and epoch % every == 0 and epoch < last:
            layer = network.get_layer(f"{network.name}_fc1")
            hidden = tf.keras.Model(network.input, layer.output)
            seen = [
                hidden.predict(features, ROWS_AT_ONCE, verbose=0)
                for features in (self._high, self._low)
            ]
            self._cluster(*seen, start=self.cluster_of_twin)
