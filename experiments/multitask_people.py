"""One network for posture, action, identity and age against one network for each.

    python experiments/multitask_people.py --seeds 3

Draws clips of thermal people (see `mtl_lowres/datasets/people_clips.py`), brings them down to
16x16 pixels on the fly, and trains the same light `mtdnn` on each task alone and on all four with
every task weighting. Posture, action and age are measured on people never seen, identity on unseen
clips of known people. Most rows know only some of the answers: an empty cell is a missing label.

Measured (3,200 clips, 12 epochs, test rows, mean ± deviation of three seeds; chance 0.167, 0.100,
0.050 and 21.2 years):

                          one network a task   one network, equal   one network, uncertainty
    posture macro-F1      0.768 ± 0.087        0.878 ± 0.013        0.895 ± 0.028
    action macro-F1       0.833 ± 0.006        0.736 ± 0.023        0.728 ± 0.017
    identity macro-F1     0.288 ± 0.092        0.437 ± 0.018        0.391 ± 0.005
    age MAE, years        9.72 ± 0.16          10.68 ± 0.56         9.51 ± 0.31
    Δm                                         +14.3 ± 13.5 %       +13.9 ± 15.9 %

Sharing helps the tasks with few labels (posture has them in a third of the rows, identity in two
fifths) a great deal and costs action, which has them nearly everywhere, an eighth. All networks
train for as many passes over the rows that have a label of theirs, so that those of posture and
identity alone also take fewer steps; how much of the gain is due to that was not separated.
Learned weights keep age from losing. dwa, gradnorm, pcgrad and random have not been run here.

`--quick` runs every line for one epoch with one seed, in about two minutes. Runs are resumed:
start the same command again after an interruption.
"""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.demo import FOUR_TASKS
from mtl_lowres.report.joint import write_joint_report
from mtl_lowres.training.compare import (
    average_comparisons,
    compare_costs,
    compare_runs,
    train_single_tasks,
)
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

WEIGHTINGS = ("equal", "uncertainty", "dwa", "gradnorm", "pcgrad", "random")


def run_seed(config: TrainConfig, manifest: pd.DataFrame, out: Path, weightings: list[str]) -> dict:
    """Train the single-task networks and the joint ones of one seed; return the comparisons."""
    singles = train_single_tasks(config, manifest, out / "single", progress=True)
    comparisons = {}
    for weighting in weightings:
        joint = dataclasses.replace(config, weighting=weighting)
        run = train(joint, manifest, out / f"joint-{weighting}", progress=True)
        comparisons[weighting] = compare_runs(run, singles)
    return comparisons


def main():
    """Train all networks and print Δm and every task's figures for each weighting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=3200, help="clips to draw")
    parser.add_argument("--weightings", default=",".join(WEIGHTINGS))
    parser.add_argument("--out", default="runs/multitask_people", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed")
    options = parser.parse_args()

    weightings = options.weightings.split(",")
    out = options.out / "quick" if options.quick else options.out
    manifest = mtl.read_dataset("people", out / "people", samples=options.samples, clips=True)
    config = dataclasses.replace(FOUR_TASKS, epochs=1) if options.quick else FOUR_TASKS
    seeds = range(1 if options.quick else options.seeds)
    results = [
        run_seed(dataclasses.replace(config, seed=seed), manifest, out / f"seed-{seed}", weightings)
        for seed in seeds
    ]
    lines = []
    for weighting in weightings:
        average = average_comparisons([result[weighting] for result in results])
        first = out / "seed-0"
        costs = compare_costs(
            first / f"joint-{weighting}", {task: first / "single" / task for task in config.tasks}
        )
        write_joint_report(
            out / f"{weighting}.html", average, costs, f"One network, weighting {weighting}"
        )
        lines += [
            {"weighting": weighting, "delta_m (%)": _text(average, "delta_m", 2)}
            | {name: row[name] for name in ("task", "metric", "chance")}
            | {name: _text(row, name) for name in ("single", "joint")}
            for row in average["rows"]
        ]
    table = pd.DataFrame(lines)
    table.to_csv(out / "weightings.csv", index=False)
    print(table.to_string(index=False))
    print(pd.DataFrame(costs).to_string(index=False))


def _text(values: dict, name: str, digits: int = 4) -> str:
    deviation = values[f"{name}_std"]
    spread = "" if deviation is None else f" ± {deviation:.{digits}f}"
    return f"{values[name]:.{digits}f}{spread}"


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"multitask_people: {error}") from None
