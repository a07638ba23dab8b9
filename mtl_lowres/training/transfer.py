"""Unsupervised feature transfer: from features of small images to what large ones would show.

Source: Wu et al., "Unsupervised deep feature transfer for low resolution image classification",
ICCV workshops 2019 (arXiv 1908.10012). Deviations: the network standardises what it takes, and
`TransferConfig` has the options that the paper does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tqdm import tqdm

from mtl_lowres.errors import InputError
from mtl_lowres.files import refuse_other_folder, replacing
from mtl_lowres.plug_in import TRANSFER_FILE, PlugIn, transfer_folder
from mtl_lowres.training.pseudo_labels import Clusters, check_count
from mtl_lowres.training.transfer_config import TransferConfig
from mtl_lowres.training.transfer_goals import (
    ROWS_AT_ONCE,
    ClusterGoal,
    FeatureGoal,
    make_goal,
    signed_power,
)
from mtl_lowres.training.transfer_kernel import fit_kernel_units
from mtl_lowres.trunks.feature_transfer import feature_transfer
from mtl_lowres.versions import versions
from mtl_lowres.weights_file import WEIGHTS_FILE, first_line

__all__ = ["Transfer", "TransferConfig", "fit_transfer", "load_transfer", "save_transfer"]

_CLUSTERS_FILE = "clusters.npz"
_NAME = "feature_transfer"


@dataclass(frozen=True, eq=False)
class Transfer:
    """What `fit_transfer` has learned.

    Attributes:
        network: from features float32 [n, d] to transferred ones, `config.fc2` of them, or with
            `target="features"` d or `target_last`; with `beside` d more.
        config: the settings.
        clusters: of the high-resolution features, raised to `config.power`; with
            `config.recluster` of what the hidden layer made of them; None with
            `target="features"`.
        history: a dict an epoch: `epoch`, `loss`, and with clusters `same_cluster`, the share of
            samples that the network, while it learned, put into their high-resolution cluster.
        agreement: share of samples whose low-resolution features are nearest to the centroid of
            their high-resolution cluster, without any network; None with `target="features"`.
    """

    network: tf.keras.Model
    config: TransferConfig
    clusters: Clusters | None
    history: list[dict[str, float]]
    agreement: float | None

    @property
    def centroids(self) -> np.ndarray | None:
        """The centroids float32 [k, w], in the space that `clusters` describes."""
        return None if self.clusters is None else self.clusters.centroids

    def apply(self, features: ArrayLike) -> np.ndarray:
        """Return the transferred features of features [n, d], float32 [n, k]."""
        features = np.asarray(features, np.float32)
        outputs = [
            self.network(features[at : at + ROWS_AT_ONCE], training=False).numpy()
            for at in range(0, len(features), ROWS_AT_ONCE)
        ]
        return np.concatenate(outputs or [np.zeros((0, self.network.output.shape[-1]), np.float32)])


def fit_transfer(
    hr: ArrayLike, lr: ArrayLike, config: TransferConfig, *, progress: bool = False
) -> Transfer:
    """Train a network that makes low-resolution features tell what high-resolution ones do.

    No label of any sample is read. Every view is a sample of its own. The same arguments give the
    same network, to the bit (on the same machine and versions).

    Args:
        hr: features of the images at high resolution, float32 [n, d] or [views, n, d].
        lr: features of the same images at low resolution, of the same shape.
        config: the settings.
        progress: show a progress bar.

    Raises:
        InputError: if the shapes disagree, a value is not finite, there are fewer samples than
            clusters, or the loss is not finite.

    Example:
        >>> store = open_features("features/scenes")
        >>> transfer = fit_transfer(store.hr, store.lr["bicubic(16)|bicubic(224)"],
        ...                         TransferConfig(assign="pair"))
        >>> features = transfer.apply(store.lr["bicubic(16)|bicubic(224)"][0])
    """
    high, low = _as_samples(hr, lr)
    if config.target == "clusters":
        # Before the network, whose width would take all memory for a number that is a slip.
        check_count(config.fc2, len(high))
    tf.keras.utils.set_random_seed(config.seed)
    width = high.shape[1]
    network = feature_transfer((width,), **config.network_options(width), name=_NAME)
    network.get_layer(f"{_NAME}_standard").adapt(signed_power(low, config.power))
    goal = make_goal(high, low, config)
    learn = _solve if config.solver == "kernel" else _train
    history = learn(network, low, goal, config, progress)
    return Transfer(network, config, goal.clusters, history, goal.agreement)


def _solve(network, low, goal, config: TransferConfig, progress: bool) -> list[dict]:
    """Set the weights in closed form and return a history of one epoch."""
    twins, targets = goal.cluster_of_twin, goal.targets
    if twins is not None:
        targets = np.eye(goal.width, dtype=np.float32)[targets]
    row = {"epoch": 1, "loss": fit_kernel_units(network, low, targets, config.ridge, config.seed)}
    if twins is not None:
        outputs = network.predict(low, ROWS_AT_ONCE, verbose=0)[:, : goal.width]
        row["same_cluster"] = float(np.mean(outputs.argmax(axis=1) == twins))
    return [row]


def _train(
    network: tf.keras.Model,
    low: np.ndarray,
    goal: ClusterGoal | FeatureGoal,
    config: TransferConfig,
    progress: bool,
) -> list[dict]:
    """Descend the goal's loss and return the history."""
    step = _training_step(network, goal, _optimizer(config, len(low)))
    rng, history = np.random.default_rng(config.seed), []
    epochs = range(1, config.epochs + 1)
    for epoch in tqdm(epochs, "transfer", unit="epoch", delay=2, disable=not progress):
        order, total, hits = rng.permutation(len(low)), 0.0, 0
        for start in range(0, len(order), config.batch_size):
            rows = order[start : start + config.batch_size]
            loss, outputs = step(low[rows], goal.targets[rows])
            total += float(loss) * len(rows)
            if goal.cluster_of_twin is not None:
                hits += int((outputs.numpy().argmax(axis=1) == goal.cluster_of_twin[rows]).sum())
        row = {"epoch": epoch, "loss": total / len(low)}
        if not np.isfinite(total):
            raise InputError(
                f"the loss is {row['loss']} after epoch {epoch}: lower the learning rate (now "
                f"{config.learning_rate})"
            )
        if goal.cluster_of_twin is not None:
            row["same_cluster"] = hits / len(low)
        history.append(row)
        goal.after_epoch(epoch, network)
    return history


def _training_step(network, goal, optimizer) -> Callable:
    @tf.function(reduce_retracing=True)
    def step(features, targets):
        with tf.GradientTape() as tape:
            outputs = network(features, training=True)[:, : goal.width]
            loss = goal.loss(targets, outputs)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss, outputs

    return step


def _optimizer(config: TransferConfig, samples: int) -> tf.keras.optimizers.Optimizer:
    total = config.epochs * -(-samples // config.batch_size)
    rate = config.learning_rate
    if config.steps:
        rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay(
            [int(share * total) for share in sorted(config.steps)],
            [rate * config.step_factor**fallen for fallen in range(len(config.steps) + 1)],
        )
    optimizer = tf.keras.optimizers.SGD(
        rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay or None,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def save_transfer(
    transfer: Transfer,
    folder: str | Path,
    *,
    layer: str | None = None,
    features: dict[str, Any] | None = None,
) -> None:
    """Write a transfer to a folder: `transfer.json`, `weights.npz` and `clusters.npz`.

    The folder appears whole or not at all and replaces an earlier transfer there.

    Args:
        transfer: to write.
        folder: of its own.
        layer: of the trunk whose output the features are; None for the trunk's own output.
        features: what else is known of them, JSON-able, such as the settings of their store.

    Raises:
        InputError: if `folder` holds something else.
    """
    folder = Path(folder)
    refuse_other_folder(folder, {TRANSFER_FILE, WEIGHTS_FILE, _CLUSTERS_FILE}, "transfer")
    width = transfer.network.input.shape[-1]
    plug_in = PlugIn(transfer.network, transfer.config.network_options(width), layer)
    with replacing(folder) as temporary:
        temporary.mkdir()
        plug_in.write(
            temporary,
            settings=transfer.config.to_dict(),
            history=transfer.history,
            agreement=transfer.agreement,
            features=features or {},
            versions=versions(),
        )
        if transfer.clusters is not None:
            arrays = vars(transfer.clusters)
            known = {name: array for name, array in arrays.items() if array is not None}
            np.savez(temporary / _CLUSTERS_FILE, **known)


def load_transfer(folder: str | Path) -> Transfer:
    """Return the transfer that `save_transfer` wrote. Nothing in the folder is executed.

    Args:
        folder: of the transfer, or the output of `mtl-lowres transfer` that holds it.

    Raises:
        InputError: if a file is missing or damaged.
    """
    plug_in, notes = PlugIn.read(folder)
    folder = transfer_folder(folder)
    try:
        config = TransferConfig.from_dict(notes["settings"])
        history, agreement = notes["history"], notes["agreement"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / TRANSFER_FILE} cannot be used ({first_line(error)}): make it again"
        ) from error
    clusters = None if config.target == "features" else _read_clusters(folder / _CLUSTERS_FILE)
    return Transfer(plug_in.network, config, clusters, history, agreement)


def _read_clusters(path: Path) -> Clusters:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Clusters(
                arrays["centroids"],
                arrays["mean"],
                arrays.get("projection"),
                bool(arrays["cosine"]),
            )
    except Exception as error:  # a damaged archive makes its readers raise a dozen kinds
        raise InputError(f"{path} cannot be read ({first_line(error)}): make it again") from error


def _as_samples(hr: ArrayLike, lr: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float32 [views * n, d]."""
    hr, lr = np.asarray(hr, np.float32), np.asarray(lr, np.float32)
    if hr.shape != lr.shape or hr.ndim not in (2, 3) or not hr.size:
        raise InputError(
            f"features hr {hr.shape} and lr {lr.shape} cannot be used: give [n, d] or "
            "[views, n, d] twice, of the same images"
        )
    for name, features in (("hr", hr), ("lr", lr)):
        if not np.isfinite(features).all():
            row = int(np.argwhere(~np.isfinite(features))[0][-2])
            raise InputError(f"features {name} of row {row} are not finite: leave the row out")
    return hr.reshape(-1, hr.shape[-1]), lr.reshape(-1, lr.shape[-1])
