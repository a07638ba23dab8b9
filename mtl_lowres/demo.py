"""The demonstration: from nothing to a served network that answers four questions about a clip."""

import dataclasses
from pathlib import Path

import click
import pandas as pd

from mtl_lowres.datasets import read_dataset
from mtl_lowres.files import write_json
from mtl_lowres.model import load_model
from mtl_lowres.report.joint import write_joint_report
from mtl_lowres.serving.export import export
from mtl_lowres.training.compare import compare_costs, compare_runs, train_single_tasks
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

FOUR_TASKS = TrainConfig(
    tasks=("posture", "action", "identity", "age"),
    trunk="mtdnn(backbone='steadynet', filters=64, lstm_units=48, frame_units=64, dropout=0.1)",
    heads={
        "posture": "posture(loss='nll', label_smoothing=0.1)",
        "identity": "identity(label_smoothing=0.1)",
    },
    degrade="area(16)|gray()",
    clip="uniform(12)",
    # A person seen from the other side does the same, so that clips may be mirrored. They are not
    # shifted: the camera is fixed, and height in the image tells age.
    augment="flip(0.5)|noise(0.02)",
    batch_size=32,
    learning_rate=2e-3,
    warmup_epochs=1,
    epochs=12,
)


def run_demo(out: str | Path, samples: int, epochs: int) -> dict:
    """Draw clips of moving people, learn four tasks at 16x16, and leave reports and an export.

    The clips are written as files and go through the same reading and degrading as a user's own.
    One network learns posture, action, identity and age, and one network each of them alone.
    Posture, action and age are tested on people never seen, identity on unseen clips.

    Returns:
        The comparison (`rows`, `delta_m`), the `costs` and the figures of the joint network.
    """
    out = Path(out)
    manifest = read_dataset("people", out / "people", samples=samples, clips=True)
    config = dataclasses.replace(FOUR_TASKS, epochs=epochs)
    source = {"dataset": "people"}
    joint = train(config, manifest, out / "run", source=source, progress=True)
    singles = train_single_tasks(config, manifest, out / "single", source=source, progress=True)
    comparison = compare_runs(joint, singles)
    costs = compare_costs(out / "run", {task: out / "single" / task for task in config.tasks})
    links = {"the joint network": "run/report.html"}
    links |= {f"{task} alone": f"single/{task}/report.html" for task in config.tasks}
    page = write_joint_report(out / "report.html", comparison, costs, links=links)
    served = export(load_model(out / "run"), out / "export", run=out / "run")
    click.echo(pd.DataFrame(comparison["rows"]).round(3).to_string(index=False))
    click.echo(f"mean change over the tasks by sharing one network: {comparison['delta_m']:+.1f} %")
    click.echo(pd.DataFrame(costs).round(2).to_string(index=False))
    click.echo(f"report: {page}")
    click.echo(f"SavedModel: {served}")
    result = {**comparison, "costs": costs, "splits": joint["splits"]}
    write_json(out / "metrics.json", result)
    return result
