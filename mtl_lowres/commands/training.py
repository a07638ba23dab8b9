"""train, evaluate, report."""

import json
from pathlib import Path

import click

from mtl_lowres.commands.common import (
    dataset_options,
    json_option,
    print_figures,
    read_rows,
    rows_of_split,
    write_result,
)
from mtl_lowres.errors import InputError


@click.command(epilog="Example: mtl-lowres train --dataset tip38 --data tip38/ --out runs/a")
@dataset_options
@click.option("--out", required=True, help="Run folder; an unfinished run in it is resumed.")
@click.option("--config", "config_file", help="Take settings from the config.json of another run.")
@click.option("--tasks", help="Columns to learn, comma-separated.  [default: posture]")
@click.option("--trunk", help='Trunk with options, such as "lownet(slopes=(4, 2, 1))".')
@click.option("--start", help="Run or model folder of the same trunk whose weights to start from.")
@click.option(
    "--transfer", help="Feature transfer between a frozen trunk and the heads: its folder."
)
@click.option("--teacher", help="Run or model folder whose answers are labels: see --head.")
@click.option(
    "--teacher-views",
    type=int,
    help="Augmented views a row that it answers once; 0: asked at every step.  [default: 0]",
)
@click.option(
    "--teacher-share",
    type=float,
    help="Share of its probabilities in the labels of tasks that both have.  [default: 0]",
)
@click.option("--teacher-temperature", type=float, help="Above 1 softens them.  [default: 1]")
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="TASK=HEAD",
    help='Such as "posture=posture(loss=\'nll\')"; "face=embedding(width=128)" imitates the '
    "embedding of --teacher and needs no column.",
)
@click.option("--degrade", help="Degradation recipe.  [default: area(16)]")
@click.option("--coupled", help="Recipe of a second sample of each training row, of that size.")
@click.option(
    "--coupling",
    help='"full", or "semi(0, 0.25, 0.5, 0.75)" for the shares of filters in common with a network '
    "of its own for --coupled.  [default: full]",
)
@click.option(
    "--siamese", help='Views of a row pulled together: "contrastive(views=4, weight=0.5)".'
)
@click.option("--clip", help='Frames of a video that are seen, such as "uniform(15)".')
@click.option("--augment", help='Such as "flip(0.5)|shift(1)|mixup(0.2)".')
@click.option("--epochs", type=int, help="Passes over the training rows.  [default: 60]")
@click.option("--batch-size", type=int, help="Rows a step.  [default: 64]")
@click.option("--optimizer", help="adam, adamw, lazyadam, rmsprop or sgd.  [default: adamw]")
@click.option("--learning-rate", type=float, help="Highest learning rate.  [default: 0.001]")
@click.option("--schedule", help="cosine or constant.  [default: cosine]")
@click.option("--warmup-epochs", type=float, help="Linear growth at the start.  [default: 0]")
@click.option("--weight-decay", type=float, help="Of adamw.  [default: 0]")
@click.option(
    "--trunk-pace", type=float, help="Steps of the trunk relative to the heads'.  [default: 1]"
)
@click.option("--clip-norm", type=float, help="Cut the gradient to this norm.  [default: 0, off]")
@click.option("--ema", type=float, help="Moving average of the weights.  [default: 0, off]")
@click.option(
    "--val", type=float, help="Share of people held out to choose the epoch.  [default: 0.2]"
)
@click.option("--monitor", help="Validation figure that chooses it.  [default: skill]")
@click.option("--weighting", help='Of the tasks\' losses, such as "uncertainty".  [default: equal]')
@click.option(
    "--patience", type=int, help="Epochs without improvement to stop after.  [default: 0, off]"
)
@click.option("--seed", type=int, help="Of everything random.  [default: 0]")
@click.option("--split-seed", type=int, help="Of the choice of validation people.  [default: 0]")
@click.option(
    "--seeds", type=int, default=1, show_default=True, help="Train so many seeds; mean ± deviation."
)
@click.option("--cache", help="Decoded images: memory, disk or none.  [default: memory]")
@click.option("--cache-dir", help="Folder of the disk cache, to share it.  [default: in --out]")
@click.option(
    "--fast-decode", is_flag=True, default=None, help="Decode large JPEGs at reduced scale."
)
@click.option("--data-service", metavar="HOST:PORT", help="Read through `mtl-lowres data-service`.")
@click.option(
    "--bad-file-budget", type=float, help="Tolerated share of bad files.  [default: 0.01]"
)
@click.option("--tensorboard", is_flag=True, default=None, help="Write TensorBoard logs too.")
@json_option
def train(
    dataset,
    data,
    reader_options,
    manifest_csv,
    out,
    config_file,
    tasks,
    heads,
    seeds,
    json_file,
    **options,
):
    """Train a model; test rows are read once, at the end."""
    from mtl_lowres.training.config import TrainConfig
    from mtl_lowres.training.run import train as train_one
    from mtl_lowres.training.seeds import train_seeds

    settings = {"tasks": ["posture"]}
    if config_file:
        settings |= _read_settings(config_file)
    settings |= {name: value for name, value in options.items() if value is not None}
    if tasks:
        settings["tasks"] = [task.strip() for task in tasks.split(",") if task.strip()]
    if heads:
        settings["heads"] = dict(_split_head(head) for head in heads)
    config = TrainConfig.from_dict(settings)
    manifest, source = read_rows(dataset, data, manifest_csv, reader_options)
    if seeds > 1:
        result = train_seeds(config, manifest, out, seeds, source=source, progress=True)
    else:
        result = train_one(config, manifest, out, source=source, progress=True)
    print_figures(result)
    click.echo(f"report: {Path(out) / 'report.html'}")
    write_result(result, json_file)


def _split_head(text: str) -> tuple[str, str]:
    task, separator, head = text.partition("=")
    if not separator or not head:
        raise InputError(
            f"--head {text!r}: write TASK=HEAD, such as \"posture=posture(loss='nll')\""
        )
    return task.strip(), head.strip()


def _read_settings(path: str) -> dict:
    try:
        return dict(json.loads(Path(path).read_text(encoding="utf-8"))["settings"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the config.json of a run ({error!r})") from error


@click.command(epilog="Example: mtl-lowres evaluate runs/a --manifest mine.csv --split test")
@click.argument("run")
@dataset_options
@click.option("--split", help="Only the rows of this split.")
@click.option("--degrade", help="Another recipe than the model was trained with.")
@click.option(
    "--views",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Parts of each video to look at; what the network answers for them is averaged.",
)
@json_option
def evaluate(run, dataset, data, reader_options, manifest_csv, split, degrade, views, json_file):
    """Measure a trained model on the rows of a manifest.

    An embedding is measured by the rank-1 identification of the column subject, with one view.
    """
    from mtl_lowres.data.loading import BadFiles
    from mtl_lowres.input_recipe import input_recipe
    from mtl_lowres.model import load_model
    from mtl_lowres.training.embed import identify
    from mtl_lowres.training.evaluate import Evaluator

    model = load_model(run)
    if degrade:
        input_recipe(model.description, degrade)
    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    manifest = rows_of_split(manifest, split)
    bad_files = BadFiles(len(manifest))
    evaluator = Evaluator(
        manifest,
        degrade or model.description["degrade"],
        clip=model.description.get("clip"),
        views=views,
        bad_files=bad_files,
        progress=True,
    )
    figures = evaluator.metrics(model)
    for task, head in model.heads.items():
        if head.embeds and head.classes is None and "subject" in manifest:
            figures[task] = figures.get(task, {}) | identify(model, manifest, degrade, task=task)
    if not figures:
        raise InputError(f"no row has a label of {', '.join(model.heads)}: nothing to measure")
    result = {"splits": {split or "all": figures}, "views": views}
    result["bad_files"] = bad_files.reasons
    print_figures(result)
    write_result(result, json_file)


@click.command(epilog="Example: mtl-lowres report runs/a")
@click.argument("run")
@json_option
def report(run, json_file):
    """Write the report.html of a finished run again."""
    from mtl_lowres.training.reporting import report_run

    path = report_run(run)
    click.echo(f"report: {path}")
    write_result({"report": str(path)}, json_file)
