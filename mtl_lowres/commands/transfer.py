"""transfer."""

import itertools
from pathlib import Path

import click

from mtl_lowres.commands.common import json_option, write_result
from mtl_lowres.errors import InputError


@click.command(
    epilog="Example: mtl-lowres transfer features/photos runs/transfer --tasks scene"
    ' --degrade "bicubic(16)|bicubic(224)" --assign pair --beside'
)
@click.argument("store")
@click.argument("out")
@click.option("--tasks", required=True, help="Columns that the SVMs tell, comma-separated.")
@click.option("--degrade", help="Recipe of the store.  [default: its only one]")
@click.option("--fc1", help="Width of the hidden layer, or several: a grid.  [default: 4096]")
@click.option("--fc2", help="Number of clusters, or several: a grid.  [default: 100]")
@click.option(
    "--target",
    type=click.Choice(["clusters", "features"]),
    help="What the network learns to tell of the image at high resolution.  [default: clusters]",
)
@click.option(
    "--target-last",
    type=int,
    help="Only of the last so many features, such as those of the last map.  [default: 0, all]",
)
@click.option(
    "--assign",
    type=click.Choice(["nearest", "pair"]),
    help="Whose cluster is the pseudo-label: of the nearest centroid, or of the image's own "
    "features at high resolution.  [default: nearest]",
)
@click.option(
    "--power", type=float, help="Raise the features' sizes to this first.  [default: 1, off]"
)
@click.option("--cosine", is_flag=True, default=None, help="Cluster directions.")
@click.option("--whiten", type=int, help="Cluster so many whitened components.  [default: 0, off]")
@click.option(
    "--solver",
    type=click.Choice(["sgd", "kernel"]),
    help="kernel: Gaussian units and a ridge regression, in closed form.  [default: sgd]",
)
@click.option("--ridge", type=float, help="Penalty of --solver kernel.  [default: 1]")
@click.option(
    "--activation",
    type=click.Choice(["relu", "linear"]),
    help="Between the layers.  [default: relu]",
)
@click.option(
    "--residual", is_flag=True, default=None, help="Learn the difference; with --target features."
)
@click.option(
    "--beside", is_flag=True, default=None, help="The model reads the features themselves too."
)
@click.option("--epochs", type=int, help="Passes over the training rows.  [default: 30]")
@click.option("--batch-size", type=int, help="Rows a step.  [default: 64]")
@click.option("--learning-rate", type=float, help="At the start.  [default: 0.01]")
@click.option("--momentum", type=float, help="Of the descent.  [default: 0.9]")
@click.option("--weight-decay", type=float, help="Of the weight matrices.  [default: 0.0005]")
@click.option("--recluster", type=int, help="Cluster again every so many epochs.  [default: 0]")
@click.option("--seed", type=int, help="Of everything random.  [default: 0]")
@click.option("--folds", default=3, show_default=True, help="That choose the C of each SVM.")
@click.option("--tsne/--no-tsne", default=True, show_default=True, help="Draw the features.")
@json_option
def transfer(store, out, tasks, degrade, fc1, fc2, folds, tsne, json_file, **options):
    """Make low-resolution features tell what high-resolution ones do, without labels.

    STORE is what `mtl-lowres features` made. OUT gets the transfer, one model from images to the
    scores of linear SVMs, which predict and export take, and a report: SVMs on features of high
    and of low resolution, on transferred ones, and on both. Rows of split train are fitted on,
    those of split test measured. Several values of --fc1 or --fc2 are a grid, without a model.
    """
    from mtl_lowres.training.features import open_features
    from mtl_lowres.training.transfer_config import TransferConfig
    from mtl_lowres.training.transfer_run import Measurement, run_grid, run_transfer

    settings = {name: value for name, value in options.items() if value is not None}
    names = tuple(name.strip() for name in tasks.split(",") if name.strip())
    if not names:
        raise InputError(f"--tasks {tasks!r}: name at least one column")
    measurement = Measurement(names, degrade or "", folds, settings.get("seed", 0))
    grid = itertools.product(_integers("--fc2", fc2, 100), _integers("--fc1", fc1, 4096))
    configs = [TransferConfig(fc1=width, fc2=clusters, **settings) for clusters, width in grid]
    features = open_features(store)
    if len(configs) > 1:
        result = run_grid(features, configs, measurement, out, progress=True)
        _print_grid(result)
    else:
        result = run_transfer(
            features, configs[0], measurement, out, projection=tsne, progress=True
        )
        _print_figures(result["figures"])
    click.echo(f"report: {Path(out) / 'report.html'}")
    write_result(result, json_file)


def _integers(option: str, text: str | None, default: int) -> list[int]:
    """Return the integers of a list such as "256,512"."""
    try:
        return [int(number) for number in text.split(",")] if text else [default]
    except ValueError as error:
        raise InputError(
            f"{option} {text!r}: write integers with commas, such as 256,512"
        ) from error


def _print_figures(figures: dict) -> None:
    if not figures:
        click.echo("no labelled row has the split test: nothing measured")
    for table, inputs in figures.items():
        click.echo(f"{table}: {next(iter(inputs.values()))['n']} test rows")
        for name, own in inputs.items():
            shown = [
                f"{metric} {value:.4f}" for metric, value in own.items() if isinstance(value, float)
            ]
            share = own["gap_closed"].get("mean_ap_area")
            gap = "" if share is None else f"   gap closed {share:.1%}"
            click.echo(f"  {name:18}{'   '.join(shown)}{gap}")
        high, low = (inputs[name]["mean_ap_area"] for name in ("hr", "lr"))
        if None not in (high, low) and inputs["hr"]["gap_closed"]["mean_ap_area"] is None:
            click.echo(
                f"  no gap to close: the mean AP of hr, {high:.4f}, is not above that of lr, "
                f"{low:.4f}, by more than chance on {inputs['hr']['n']} rows"
            )


def _print_grid(result: dict) -> None:
    click.echo(f"mean AP (area) of hr {result['hr']:.4f}, of lr {result['lr']:.4f}")
    for cell in result["grid"]:
        click.echo(f"  fc1 {cell['fc1']:5}  fc2 {cell['fc2']:5}  {cell['value']:.4f}")
