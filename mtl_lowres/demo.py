"""The demonstration: from nothing to a served model in a few minutes."""

from pathlib import Path

import click

from mtl_lowres.datasets import read_dataset
from mtl_lowres.evaluation.tables import figures_table
from mtl_lowres.model import load_model
from mtl_lowres.serving.export import export
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

DEGRADE = "area(16)"
AUGMENT = "flip(0.5)|shift(1)"


def run_demo(out: str | Path, samples: int, epochs: int) -> dict:
    """Draw people at 128x128, learn their posture at 16x16, and leave report and export.

    The images are written as files and go through the same reading, decoding and degrading as a
    user's own. Test people are not among the training people.

    Returns:
        The figures of the run.
    """
    out = Path(out)
    manifest = read_dataset("people", out / "people", samples=samples)
    config = TrainConfig(tasks=("posture",), trunk="lownet", degrade=DEGRADE, epochs=epochs)
    result = train(config, manifest, out / "run", source={"dataset": "people"}, progress=True)
    served = export(load_model(out / "run" / "model"), out / "export")
    click.echo(figures_table(result))
    click.echo(f"chance: {1 / manifest['posture'].nunique():.4f}")
    click.echo(f"report: {out / 'run' / 'report.html'}")
    click.echo(f"SavedModel: {served}")
    return result
