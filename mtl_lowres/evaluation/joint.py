"""One network for all tasks against one network a task."""

from collections.abc import Collection, Mapping

from mtl_lowres.errors import InputError


def delta_m(
    joint: Mapping[str, float],
    single: Mapping[str, float],
    lower_is_better: Collection[str] = (),
) -> float:
    """Return the mean relative change of the tasks' figures by joint training, in percent.

    With K tasks and l = 1 where a lower figure is better, else 0:
    `100 / K * sum((-1) ** l * (joint - single) / single)`. Positive: the joint network is better.

    Args:
        joint: task -> figure of the joint network.
        single: task -> figure of the network trained on that task alone, not 0.
        lower_is_better: tasks whose figure is an error, such as the age's.

    Raises:
        InputError: if the tasks differ, there is none, or a single-task figure is 0.

    Source: Maninis et al., "Attentive single-tasking of multiple tasks" (CVPR 2019,
    arXiv 1904.08918), equation 4.

    Example:
        >>> delta_m({"posture": 0.75, "age": 6.0}, {"posture": 0.5, "age": 5.0}, {"age"})
        15.0
    """
    if not joint or set(joint) != set(single):
        raise InputError(
            f"joint figures of {sorted(joint)} cannot be compared with single-task figures of "
            f"{sorted(single)}: give the same tasks, at least one"
        )
    unknown = sorted(set(lower_is_better) - set(joint))
    if unknown:
        raise InputError(
            f"lower_is_better has {unknown[0]!r}, but the tasks are {sorted(joint)}: leave it out"
        )
    changes = [
        _change(task, figure, single[task], task in lower_is_better)
        for task, figure in joint.items()
    ]
    return sum(changes) / len(changes)


def joint_table(
    joint: Mapping[str, Mapping[str, float]],
    single: Mapping[str, Mapping[str, float]],
    chance: Mapping[str, Mapping[str, float]] | None = None,
    lower_is_better: Collection[str] = (),
) -> list[dict]:
    """Return the rows of a table of the joint network beside the single-task ones.

    Args:
        joint: task -> metric -> figure of the joint network.
        single: task -> metric -> figure of the network trained on that task alone. A figure that
            is missing or None is left blank.
        chance: task -> metric -> figure of guessing.
        lower_is_better: metrics that are errors, such as `"mae_years"`.

    Returns:
        One dict a task and metric of `joint`: `task`, `metric`, `single`, `joint`, `change` in
        percent (positive: the joint network is better) and `chance`; None where not known.
    """
    rows = []
    for task, figures in joint.items():
        for metric, figure in figures.items():
            alone = single.get(task, {}).get(metric)
            known = figure is not None and alone
            lower = metric in lower_is_better
            rows.append(
                {
                    "task": task,
                    "metric": metric,
                    "single": alone,
                    "joint": figure,
                    "change": _change(task, figure, alone, lower) if known else None,
                    "chance": (chance or {}).get(task, {}).get(metric),
                }
            )
    return rows


def _change(task: str, joint: float, single: float, lower_is_better: bool) -> float:
    """Return the relative change in percent, positive where the joint figure is better."""
    if not single:
        raise InputError(
            f"the single-task figure of {task!r} is {single!r}, so that no relative change "
            "exists: leave the task out"
        )
    change = 100 * (joint - single) / single
    return -change if lower_is_better else change
