"""The settings of one training run."""

from dataclasses import dataclass, field
from typing import Any

from mtl_lowres.data.recipe import Call, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Head
from mtl_lowres.registry import HEADS
from mtl_lowres.training.coupling_options import parse_coupling, parse_siamese
from mtl_lowres.training.settings import Settings, require
from mtl_lowres.trunks import TRUNKS

OPTIMIZERS = ("adam", "adamw", "lazyadam", "rmsprop", "sgd")
SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Everything that decides the result of a run, besides its manifest.

    Attributes:
        tasks: columns of the manifest to learn.
        trunk: trunk with its options, such as `"lownet(slopes=(4, 2, 1))"`.
        start: folder of a run or model of the same trunk whose weights to start from; empty for new
            ones.
        transfer: folder of a feature transfer to put between the trunk and the heads, which alone
            are then trained (see `build_model`); empty for none.
        teacher: folder of a run or model whose answers are labels (see `training.guidance`): its
            embedding for tasks with the head `embedding`; empty for none.
        teacher_views: augmented views of each row that the teacher answers once, which are kept;
            0 asks it anew at every step, about freshly augmented images.
        teacher_share: share of the teacher's probabilities in the labels of the classification
            tasks that it answers too, in [0, 1].
        teacher_temperature: above 1 softens those probabilities, `p ** (1 / temperature)`.
        heads: task -> head with its options, such as `{"posture": "posture(loss='nll')"}`; a task
            without an entry gets the head of its own name, or `attribute` where there is none.
        degrade: degradation recipe; decides the size of what the model sees.
        coupled: recipe of a second sample of each training row, usually of a higher resolution,
            with the same size as that of `degrade`; validation and test see `degrade` alone (see
            `training.coupling`). With `siamese`, the recipe of the views instead. Empty for none.
        coupling: `"full"`, or `"semi(0, 0.25, 0.5, 0.75)"` for a network of its own, in training,
            for the samples by `coupled`, with those shares of the filters in common.
        siamese: such as `"contrastive(views=4, weight=0.5, margin=1.0)"`: each training row gives
            so many draws of its random recipe or augmentation in a batch, whose features are
            pulled together; empty for none.
        clip: which frames of a video are seen, such as `"uniform(15)"`; empty for images.
        augment: augmentation of the training images, or empty.
        epochs: passes over the training rows.
        batch_size: rows a step.
        optimizer: one of `OPTIMIZERS`.
        learning_rate: highest learning rate.
        schedule: `"cosine"` (to zero at the last step) or `"constant"`.
        warmup_epochs: epochs of linear growth of the learning rate from zero.
        weight_decay: decoupled decay of `adamw`, of all weights but biases and norms.
        trunk_pace: steps of the trunk relative to those of the heads, in (0, 1], with `adamw`; a
            pretrained trunk needs smaller ones than heads that start at random.
        clip_norm: norm to which the gradient of all weights is cut; 0 leaves it.
        ema: decay of the moving average of the weights that is evaluated and kept, in [0, 1); 0 is
            off. The average starts as the plain mean, so short runs are not held back by it.
        val: fraction of the training people held out when the manifest has no validation rows;
            0 trains on all of them and keeps the last epoch.
        monitor: validation figure that selects the epoch, such as `"posture_macro_f1"`; default:
            `"skill"`, the mean over the tasks of macro-F1, or for a continuous task of 1 - MAE /
            MAE of the best constant answer, or for an embedding of its cosine to the teacher's (see
            `training.evaluate.mean_skill`). Only validation rows are ever looked at.
        weighting: how the losses of several tasks are weighed, such as `"uncertainty"`,
            `"fixed(age=0.2, action=1)"` or `"dwa(temperature=2)"`; see `list_weightings`.
        patience: stop after so many epochs without improvement; 0 never stops early.
        seed: of initial weights, shuffling, augmentation and dropout.
        split_seed: of the choice of validation people and of the views kept for a teacher, so that
            runs of several seeds share them.
        cache: `"memory"`, `"disk"` or `"none"`.
        cache_dir: folder of the disk cache, which runs on the same images may share; empty for one
            in the run's folder.
        fast_decode: decode large JPEGs at a reduced scale.
        data_service: `"host:port"` of a data service whose workers read and degrade the images, see
            `make_dataset`; results are the same with and without.
        bad_file_budget: fraction of undecodable files at which the run stops.
        tensorboard: also write TensorBoard logs.
    """

    tasks: tuple[str, ...]
    trunk: str = "lownet"
    start: str = ""
    transfer: str = ""
    teacher: str = ""
    teacher_views: int = 0
    teacher_share: float = 0.0
    teacher_temperature: float = 1.0
    heads: dict[str, str] = field(default_factory=dict)
    degrade: str = "area(16)"
    coupled: str = ""
    coupling: str = "full"
    siamese: str = ""
    clip: str = ""
    augment: str = ""
    epochs: int = 60
    batch_size: int = 64
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    trunk_pace: float = 1.0
    clip_norm: float = 0.0
    ema: float = 0.0
    val: float = 0.2
    monitor: str = ""
    weighting: str = "equal"
    patience: int = 0
    seed: int = 0
    split_seed: int = 0
    cache: str = "memory"
    cache_dir: str = ""
    fast_decode: bool = False
    data_service: str = ""
    bad_file_budget: float = 0.01
    tensorboard: bool = False

    def __post_init__(self):
        object.__setattr__(self, "tasks", tuple(self.tasks))
        require(self.tasks, "tasks", self.tasks, "name at least one column of the manifest")
        require(self.epochs >= 1, "epochs", self.epochs, "use at least 1")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "use at least 1")
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "use e.g. 1e-3")
        require(0 <= self.ema < 1, "ema", self.ema, "use 0 (off) or e.g. 0.999")
        require(0 <= self.val < 1, "val", self.val, "use a fraction such as 0.2")
        require(0 <= self.bad_file_budget <= 1, "bad_file_budget", self.bad_file_budget, "use 0-1")
        require(
            self.optimizer in OPTIMIZERS, "optimizer", self.optimizer, f"use one of {OPTIMIZERS}"
        )
        require(self.schedule in SCHEDULES, "schedule", self.schedule, f"use one of {SCHEDULES}")
        require(
            not self.weight_decay or self.optimizer == "adamw",
            "weight_decay",
            self.weight_decay,
            f"only adamw decays weights, not {self.optimizer}",
        )
        require(0 < self.trunk_pace <= 1, "trunk_pace", self.trunk_pace, "use e.g. 0.1, or 1")
        require(
            self.trunk_pace == 1 or self.optimizer == "adamw",
            "trunk_pace",
            self.trunk_pace,
            f"only adamw has a slower trunk, not {self.optimizer}",
        )
        require(self.clip_norm >= 0, "clip_norm", self.clip_norm, "use e.g. 5, or 0 for off")
        require(
            not self.clip_norm or self.optimizer != "lazyadam",
            "clip_norm",
            self.clip_norm,
            "lazyadam cuts no gradients; use adam or adamw",
        )
        for name in ("clip", "siamese", "teacher_views"):
            value = getattr(self, name)
            require(not (self.data_service and value), name, value, "leave it or data_service out")
        unknown = set(self.heads) - set(self.tasks)
        require(not unknown, "heads", sorted(unknown), f"the tasks are {list(self.tasks)}")
        self._check_teacher()
        self._check_coupling()

    def _check_teacher(self) -> None:
        views, share = self.teacher_views, self.teacher_share
        require(views >= 0, "teacher_views", views, "use 0 (asked at every step) or e.g. 8")
        require(0 <= share <= 1, "teacher_share", share, "use a share such as 0.5")
        require(
            self.teacher_temperature > 0, "teacher_temperature", self.teacher_temperature, "use 1"
        )
        require(
            not views or self.cache != "none",
            "cache",
            self.cache,
            "teacher_views are kept: use memory or disk, or teacher_views=0",
        )
        for name in ("teacher_views", "teacher_share"):
            value = getattr(self, name)
            require(self.teacher or not value, name, value, "name the teacher's folder, teacher=")

    def _check_coupling(self) -> None:
        semi = bool(parse_coupling(self.coupling))
        if self.siamese:
            parse_siamese(self.siamese)
        require(self.coupled or not semi, "coupling", self.coupling, "name a recipe, coupled=")
        require(not (semi and self.siamese), "siamese", self.siamese, "use coupling='full'")
        for name in ("coupled", "siamese"):
            value = getattr(self, name)
            require(not (self.teacher and value), name, value, "leave it or teacher out")
        require(
            not self.transfer or not (semi or self.siamese),
            "transfer",
            self.transfer,
            "the trunk then learns nothing: leave out siamese and semi",
        )

    @property
    def embedding_tasks(self) -> tuple[str, ...]:
        """The tasks that imitate a teacher's embedding; they need no column of the manifest."""
        return tuple(task for task in self.tasks if self._head(task).name == "embedding")

    @property
    def labelled_tasks(self) -> tuple[str, ...]:
        """The tasks whose labels are columns of the manifest."""
        return tuple(task for task in self.tasks if task not in self.embedding_tasks)

    def trunk_and_options(self) -> tuple[str, dict[str, Any]]:
        """Return the trunk's name and its options."""
        call = _one_call(self.trunk, "trunk")
        TRUNKS.get(call.name)
        return call.name, call.kwargs

    def make_heads(self, classes: dict[str, int]) -> dict[str, Head]:
        """Return a head for each task, given the number of classes of each."""
        heads = {}
        for task in self.tasks:
            call = self._head(task)
            options = {"classes": classes[task], **call.kwargs} if task in classes else call.kwargs
            try:
                heads[task] = HEADS.get(call.name)(**options)
            except TypeError as error:
                raise InputError(f"head {str(call)!r}: {error}") from error
        return heads

    def _head(self, task: str) -> Call:
        text = self.heads.get(task, task if task in HEADS else "attribute")
        return _one_call(text, f"head of task {task}")


def _one_call(text: str, what: str) -> Call:
    calls = parse_calls(text)
    if len(calls) != 1 or calls[0].args:
        raise InputError(
            f"{what} {text!r}: give one name with named options, such as name(option=1)"
        )
    return calls[0]
