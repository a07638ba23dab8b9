"""The settings of an unsupervised feature transfer."""

from dataclasses import dataclass
from typing import Any

from mtl_lowres.training.settings import Settings, require

TARGETS = ("clusters", "features")
ASSIGNMENTS = ("nearest", "pair")
SOLVERS = ("sgd", "kernel")


@dataclass(frozen=True)
class TransferConfig(Settings):
    """Everything that decides a transfer, besides the features.

    Attributes:
        fc1: width of the hidden layer.
        fc2: number of clusters and width of the transferred features; with `target="features"`
            their width is that of the features to tell, and this is not used.
        target: what low-resolution features are to become: `"clusters"`, the cluster of the
            high-resolution features (the paper), or `"features"`, the standardised high-resolution
            features themselves.
        target_last: cluster or tell only the last so many of the features, such as the 1280 of the
            last map that `backbone(features="stages")` ends in; 0 for all.
        assign: whose cluster is a sample's pseudo-label: `"nearest"`, that of the centroid nearest
            to its low-resolution features (the paper), or `"pair"`, that of its own
            high-resolution features.
        power: what the size of each feature is first raised to, everywhere: 0.5 for its root, 1 to
            leave it.
        cosine: cluster directions: features are divided by their length.
        whiten: cluster so many principal components, each of variance 1; 0 for the features.
        solver: `"sgd"`, or `"kernel"`, in closed form and without any of the settings of the
            descent: the hidden units are Gaussians at `fc1` random samples, and the output is the
            ridge regression of the target (of clusters, 1 for the own and 0 for the others).
        ridge: weight of its penalty, above 0.
        activation: between the two layers, `"relu"` or `"linear"`, with `"sgd"`.
        residual: add the standardised low-resolution features to the output; its width must be
            theirs.
        beside: append the low-resolution features to the output.
        epochs: passes over all views of all samples.
        batch_size: samples a step.
        learning_rate: at the start; `target="features"` needs about 1, since its loss is a mean
            over all features.
        momentum: of the gradient descent, in [0, 1).
        weight_decay: share of each weight matrix that is taken away at a step of learning rate 1.
        steps: shares of the training after which the learning rate falls.
        step_factor: what it is multiplied by there.
        recluster: cluster again after every so many epochs, by what the network's hidden layer
            makes of the high-resolution features; 0 never.
        minibatch_above: cluster more samples than this by mini-batch k-means.
        seed: of the clusters, the initial weights and the order of the samples.

    The paper states none of batch size, epochs, rates, decay and activation.
    """

    fc1: int = 4096
    fc2: int = 100
    target: str = "clusters"
    target_last: int = 0
    assign: str = "nearest"
    power: float = 1.0
    cosine: bool = False
    whiten: int = 0
    solver: str = "sgd"
    ridge: float = 1.0
    activation: str = "relu"
    residual: bool = False
    beside: bool = False
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    steps: tuple[float, ...] = (0.5, 0.75)
    step_factor: float = 0.1
    recluster: int = 0
    minibatch_above: int = 20_000
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "steps", tuple(self.steps))
        require(self.fc1 >= 1, "fc1", self.fc1, "give a width of at least 1")
        require(self.fc2 >= 2, "fc2", self.fc2, "give at least 2 clusters")
        require(self.target in TARGETS, "target", self.target, f"use one of {TARGETS}")
        require(self.target_last >= 0, "target_last", self.target_last, "use 0 (all) or e.g. 1280")
        require(self.assign in ASSIGNMENTS, "assign", self.assign, f"use one of {ASSIGNMENTS}")
        require(self.solver in SOLVERS, "solver", self.solver, f"use one of {SOLVERS}")
        require(self.ridge > 0, "ridge", self.ridge, "use e.g. 1")
        require(self.power > 0, "power", self.power, "use 1 (off) or e.g. 0.5")
        require(self.whiten >= 0, "whiten", self.whiten, "use 0 (off) or e.g. 128")
        require(self.epochs >= 1, "epochs", self.epochs, "use at least 1")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "use at least 1")
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "use e.g. 0.01")
        require(0 <= self.momentum < 1, "momentum", self.momentum, "use e.g. 0.9")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "use e.g. 5e-4")
        for step in self.steps:
            require(0 < step < 1, "steps", self.steps, "give shares such as 0.5")
        require(0 < self.step_factor <= 1, "step_factor", self.step_factor, "use e.g. 0.1")
        require(self.recluster >= 0, "recluster", self.recluster, "use 0 (never) or e.g. 5")
        if self.solver == "kernel":
            for name in ("residual", "recluster"):
                value = getattr(self, name)
                require(not value, name, value, "solver='kernel' has none: leave it out")
        if self.target == "features":
            for name in ("cosine", "whiten", "recluster"):
                value = getattr(self, name)
                require(not value, name, value, "target='features' has no clusters: leave it out")

    def network_options(self, width: int) -> dict[str, Any]:
        """Return the options of the trunk `feature_transfer` for features of this width."""
        return {
            "fc1": self.fc1,
            "fc2": (self.target_last or width) if self.target == "features" else self.fc2,
            "activation": "gaussian" if self.solver == "kernel" else self.activation,
            "residual": self.residual,
            "beside": self.beside,
            "power": self.power,
        }
