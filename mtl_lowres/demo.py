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
# A person seen from the other side takes the same posture, so that here images may be mirrored.
AUGMENT = "flip(0.5)|shift(1)|rotate(8)|scale(0.1)|noise(0.02)"


def run_demo(out: str | Path, samples: int, epochs: int) -> dict:
    """Draw people at 128x128, learn their posture at 16x16, and leave report and export.

    The images are written as files and go through the same reading, decoding and degrading as a
    user's own. Test people are not among the training people.

    Returns:
        The figures of the run.
    """
    out = Path(out)
    manifest = read_dataset("people", out / "people", samples=samples)
    config = TrainConfig(
        tasks=("posture",),
        trunk="steadynet",
        heads={"posture": "posture(loss='nll', label_smoothing=0.1)"},
        degrade=DEGRADE,
        augment=AUGMENT,
        learning_rate=2e-3,
        warmup_epochs=1,
        epochs=epochs,
    )
    result = train(config, manifest, out / "run", source={"dataset": "people"}, progress=True)
    served = export(load_model(out / "run" / "model"), out / "export")
    click.echo(figures_table(result))
    click.echo(f"chance: {1 / manifest['posture'].nunique():.4f}")
    click.echo(f"report: {out / 'run' / 'report.html'}")
    click.echo(f"SavedModel: {served}")
    return result
