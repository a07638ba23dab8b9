"""verify and build."""

import inspect
from pathlib import Path

import click

from mtl_lowres.commands.common import (
    dataset_options,
    json_option,
    read_rows,
    rows_of_split,
    write_result,
)
from mtl_lowres.errors import InputError

_PAGE, _SCORES, _METRICS = "verification.html", "scores.csv", "metrics.json"


@click.command(
    epilog="Example: mtl-lowres verify teacher --dataset lfw --data lfw/ --option aligned=chips"
)
@click.argument("model")
@dataset_options
@click.option("--split", help="Only the pairs of this split.")
@click.option("--degrade", help="Another recipe than the model was made with.")
@click.option("--task", help="Whose embedding to compare.  [default: the first that has one]")
@click.option(
    "--mirrored/--not-mirrored",
    default=True,
    show_default=True,
    help="Append the embedding of the mirrored image.",
)
@click.option(
    "--subtract-mean", is_flag=True, help="Subtract the mean embedding of the other folds."
)
@click.option(
    "--metric",
    type=click.Choice(["cosine", "joint_bayes"]),
    default="cosine",
    show_default=True,
    help="joint_bayes: learned on the other folds' people (column subject).",
)
@click.option("--out", help="Folder for the page with the ROC curve, and scores.csv.")
@json_option
def verify(
    model,
    dataset,
    data,
    reader_options,
    manifest_csv,
    split,
    degrade,
    task,
    mirrored,
    subtract_mean,
    metric,
    out,
    json_file,
):
    """Measure whether a model tells pairs of one person from pairs of two."""
    from mtl_lowres.data.loading import BadFiles
    from mtl_lowres.files import refuse_other_folder
    from mtl_lowres.model import load_model
    from mtl_lowres.training.embed import embedding_source, score_pairs
    from mtl_lowres.training.verify import check_pairs, table_figures

    if out:
        refuse_other_folder(Path(out), {_PAGE, _SCORES, _METRICS}, "verification")
    network = load_model(model)
    source = embedding_source(network, task)
    pairs = _read_pairs(dataset, data, manifest_csv, reader_options, split)
    # Before the long way through the network.
    check_pairs(pairs, metric, subtract_mean)
    bad_files = BadFiles(pairs["path"].nunique())
    table = score_pairs(
        network,
        pairs,
        degrade,
        task=task,
        mirrored=mirrored,
        metric=metric,
        subtract_mean=subtract_mean,
        bad_files=bad_files,
        progress=True,
    )
    settings = {
        "model": str(model),
        "embedding": source or "trunk",
        "degrade": degrade or network.description["degrade"],
        "mirrored": mirrored,
        "subtract_mean": subtract_mean,
        "metric": metric,
    }
    figures = table_figures(table)
    _print_figures(figures)
    if bad_files.reasons:
        left_out = len(pairs) // 2 - len(table)
        click.echo(f"{len(bad_files.reasons)} files cannot be read: {left_out} pairs left out")
    result = {"settings": settings, "figures": figures, "bad_files": bad_files.reasons}
    if out:
        _write_folder(Path(out), table, result)
        click.echo(f"report: {Path(out) / _PAGE}")
    write_result(result, json_file)


def _read_pairs(dataset, data, manifest_csv, reader_options, split):
    """Return the manifest of pairs; a reader that can give images or pairs gives pairs."""
    from mtl_lowres.datasets import DATASETS
    from mtl_lowres.datasets.pairs import pair_rows
    from mtl_lowres.evaluation.pair_checks import check_folds

    if dataset and not manifest_csv:
        takes_pairs = "pairs" in inspect.signature(DATASETS.get(dataset)).parameters
        if takes_pairs and not any(text.startswith("pairs=") for text in reader_options):
            reader_options = (*reader_options, "pairs=True")
    pairs, _ = read_rows(dataset, data, manifest_csv, reader_options)
    pairs = rows_of_split(pairs, split)
    first, _ = pair_rows(pairs)
    check_folds(*(pairs[name].to_numpy("int64")[first] for name in ("same", "fold")))
    return pairs


def _print_figures(figures: dict) -> None:
    interval = figures["interval"] or {}
    click.echo(f"{figures['pairs']} pairs, {len(figures['thresholds'])} folds, {figures['metric']}")
    for name, value in figures.items():
        if name.startswith("tar@") and value is None:
            click.echo(f"{name:24} -       too few pairs of two people")
        elif isinstance(value, float):
            low, high = interval.get(name, (None, None))
            bounds = "" if low is None else f"  [{low:.4f}, {high:.4f}]"
            click.echo(f"{name:24} {value:.4f}{bounds}")


def _write_folder(out: Path, table, result: dict) -> None:
    from mtl_lowres.evaluation.verification import roc_curve
    from mtl_lowres.files import replacing, write_json
    from mtl_lowres.report.verification import write_verification_report

    # Each fold's own threshold makes the scores of different metrics comparable.
    scores = table["score"] - table.get("threshold", 0)
    far, tar, _ = roc_curve(scores, table["same"])
    with replacing(out) as folder:
        folder.mkdir()
        table.to_csv(folder / _SCORES, index=False, lineterminator="\n", encoding="utf-8")
        write_json(folder / _METRICS, result)
        write_verification_report(
            folder / _PAGE,
            result["figures"],
            (far, tar),
            scores,
            table["same"],
            result["settings"],
            title=f"{Path(result['settings']['model']).name}: verification",
        )


@click.command(
    epilog="Example: mtl-lowres build \"face_resnet(weights='face_resnet/')\" teacher"
    ' --degrade "bicubic(150)"'
)
@click.argument("trunk")
@click.argument("out")
@click.option("--degrade", required=True, help="Recipe of what the model sees.")
@click.option("--task", default="identity", show_default=True, help="Name of its output.")
@json_option
def build(trunk, out, degrade, task, json_file):
    """Write the model folder OUT of a TRUNK with an embedding head, such as a pretrained one.

    It can be verified, exported, or teach another model.
    """
    from mtl_lowres.data.degrade import parse_recipe
    from mtl_lowres.heads.embedding import Embedding
    from mtl_lowres.model import build_model, save_model
    from mtl_lowres.training.config import TrainConfig

    name, options = TrainConfig((task,), trunk=trunk).trunk_and_options()
    recipe = parse_recipe(degrade)
    size = recipe.output_size(None, None)
    if None in size:
        raise InputError(
            f"--degrade {degrade!r} does not fix the size of the images: end it with a size, such "
            "as bicubic(150)"
        )
    model = build_model(name, {task: Embedding()}, (*size, 3), degrade=recipe.text, **options)
    save_model(model, out)
    result = {
        "model": out,
        "parameters": model.count_params(),
        "width": model.output[task].shape[-1],
    }
    click.echo(
        f"model: {out} ({result['parameters']:,} parameters, embedding of {result['width']})"
    )
    write_result(result, json_file)
