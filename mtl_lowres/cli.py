"""The command `mtl-lowres`.

TensorFlow is imported only inside the commands that compute, so that `--help` is instant.
"""

import json
import os
import sys
from pathlib import Path

import click

from mtl_lowres.errors import InputError

# TensorFlow logs harmless lines as errors; what really fails also raises.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# On by default for some processors only; it halves the time of a training step on the others too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class _OneLineErrors(click.Group):
    """Ends every failure in one line on standard error and a non-zero exit status."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except InputError as error:
            message, status = str(error), 2
        except OSError as error:
            message, status = str(error), 2
        except Exception as error:
            if os.environ.get("MTL_LOWRES_DEBUG"):
                raise
            first_line = (str(error).splitlines() or [""])[0]
            message = (
                f"{type(error).__name__}: {first_line} (unexpected; MTL_LOWRES_DEBUG=1 shows where)"
            )
            status = 1
        click.echo(f"mtl-lowres: {' '.join(message.split())}", err=True)
        sys.exit(status)


@click.group(
    cls=_OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mtl_lowres")
def main():
    """Recognise people in images too small to recognise a person by eye."""


def _json_option(command):
    return click.option(
        "--json", "json_file", type=click.Path(dir_okay=False), help="Write the result as JSON."
    )(command)


def _dataset_options(command):
    for option in (
        click.option("--manifest", "manifest_csv", help="CSV with a row a sample."),
        click.option("--data", help="Folder of the dataset."),
        click.option("--dataset", help="Layout of --data: see `mtl-lowres list datasets`."),
    ):
        command = option(command)
    return command


def _finish(result: dict, json_file: str | None) -> None:
    if json_file:
        from mtl_lowres.files import write_json

        write_json(json_file, result)


def _read_rows(dataset: str | None, data: str | None, manifest_csv: str | None):
    """Return the manifest that the options name, and a note of where it came from."""
    import mtl_lowres as mtl

    if manifest_csv and (dataset or data):
        raise InputError("give either --manifest, or --dataset with --data, not both")
    if manifest_csv:
        return mtl.read_manifest(manifest_csv), {"manifest": manifest_csv}
    if not (dataset and data):
        raise InputError("give --manifest FILE.csv, or --dataset NAME with --data FOLDER")
    return mtl.read_dataset(dataset, data), {"dataset": dataset, "data": data}


@main.command(epilog="Example: mtl-lowres train --dataset tip38 --data tip38/ --out runs/a")
@_dataset_options
@click.option("--out", required=True, help="Run folder; an unfinished run in it is resumed.")
@click.option("--config", "config_file", help="Take settings from the config.json of another run.")
@click.option("--tasks", help="Columns to learn, comma-separated.  [default: posture]")
@click.option("--trunk", help='Trunk with options, such as "lownet(slopes=(4, 2, 1))".')
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="TASK=HEAD",
    help="Such as \"posture=posture(loss='nll')\".",
)
@click.option("--degrade", help="Degradation recipe.  [default: area(16)]")
@click.option("--augment", help='Such as "flip(0.5)|shift(1)|mixup(0.2)".')
@click.option("--epochs", type=int, help="Passes over the training rows.  [default: 60]")
@click.option("--batch-size", type=int, help="Images a step.  [default: 64]")
@click.option("--optimizer", help="adam, adamw, lazyadam or sgd.  [default: adamw]")
@click.option("--learning-rate", type=float, help="Highest learning rate.  [default: 0.001]")
@click.option("--schedule", help="cosine or constant.  [default: cosine]")
@click.option("--warmup-epochs", type=float, help="Linear growth at the start.  [default: 0]")
@click.option("--weight-decay", type=float, help="Of adamw.  [default: 0]")
@click.option("--ema", type=float, help="Moving average of the weights.  [default: 0, off]")
@click.option(
    "--val", type=float, help="Share of people held out to choose the epoch.  [default: 0.2]"
)
@click.option("--monitor", help="Validation figure that chooses it.  [default: TASK_macro_f1]")
@click.option(
    "--patience", type=int, help="Epochs without improvement to stop after.  [default: 0, off]"
)
@click.option("--seed", type=int, help="Of everything random.  [default: 0]")
@click.option("--split-seed", type=int, help="Of the choice of validation people.  [default: 0]")
@click.option(
    "--seeds", type=int, default=1, show_default=True, help="Train so many seeds; mean ± deviation."
)
@click.option("--cache", help="Decoded images: memory, disk or none.  [default: memory]")
@click.option(
    "--fast-decode", is_flag=True, default=None, help="Decode large JPEGs at reduced scale."
)
@click.option(
    "--bad-file-budget", type=float, help="Tolerated share of bad files.  [default: 0.01]"
)
@click.option("--tensorboard", is_flag=True, default=None, help="Write TensorBoard logs too.")
@_json_option
def train(dataset, data, manifest_csv, out, config_file, tasks, heads, seeds, json_file, **options):
    """Train a model; test rows are read once, at the end."""
    from mtl_lowres.training.config import TrainConfig
    from mtl_lowres.training.run import train as train_one
    from mtl_lowres.training.seeds import train_seeds

    settings = {"tasks": ["posture"]}
    if config_file:
        settings |= _read_json(config_file)["settings"]
    settings |= {name: value for name, value in options.items() if value is not None}
    if tasks:
        settings["tasks"] = [task.strip() for task in tasks.split(",") if task.strip()]
    if heads:
        settings["heads"] = dict(_split_head(head) for head in heads)
    config = TrainConfig.from_dict(settings)
    manifest, source = _read_rows(dataset, data, manifest_csv)
    if seeds > 1:
        result = train_seeds(config, manifest, out, seeds, source=source, progress=True)
    else:
        result = train_one(config, manifest, out, source=source, progress=True)
    click.echo(_figures_table(result))
    click.echo(
        f"{'runs' if seeds > 1 else 'report'}: {out if seeds > 1 else Path(out) / 'report.html'}"
    )
    _finish(result, json_file)


def _split_head(text: str) -> tuple[str, str]:
    task, separator, head = text.partition("=")
    if not separator or not head:
        raise InputError(
            f"--head {text!r}: write TASK=HEAD, such as \"posture=posture(loss='nll')\""
        )
    return task.strip(), head.strip()


def _read_json(path: str) -> dict:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error}") from error


@main.command(epilog="Example: mtl-lowres evaluate runs/a --manifest mine.csv --split test")
@click.argument("run")
@_dataset_options
@click.option("--split", help="Only the rows of this split.")
@click.option("--degrade", help="Another recipe than the model was trained with.")
@_json_option
def evaluate(run, dataset, data, manifest_csv, split, degrade, json_file):
    """Measure a trained model on the rows of a manifest."""
    from mtl_lowres.data.loading import BadFiles
    from mtl_lowres.training.evaluate import Evaluator

    model = _load_run_model(run)
    manifest, _ = _read_rows(dataset, data, manifest_csv)
    if split:
        if "split" not in manifest or not (manifest["split"] == split).any():
            raise InputError(f"--split {split!r}: the manifest has no such rows")
        manifest = manifest[manifest["split"] == split]
    bad_files = BadFiles(len(manifest))
    evaluator = Evaluator(
        manifest, degrade or model.description["degrade"], bad_files=bad_files, progress=True
    )
    figures = evaluator.metrics(model)
    if not figures:
        raise InputError(f"no row has a label of {', '.join(model.heads)}: nothing to measure")
    result = {"splits": {split or "all": figures}, "bad_files": bad_files.reasons}
    click.echo(_figures_table(result))
    _finish(result, json_file)


@main.command(epilog="Example: mtl-lowres predict runs/a photos/*.jpg --json-lines")
@click.argument("run")
@click.argument("files", nargs=-1, required=True)
@click.option("--json-lines", is_flag=True, help="Print a JSON object a file instead of a table.")
@_json_option
def predict(run, files, json_lines, json_file):
    """Answer for image files; exit status 3 when some cannot be read."""
    from mtl_lowres.serving.predict import predict_files

    model = _load_run_model(run)
    answers = []
    if not json_lines:
        click.echo("\t".join(["file", *[f"{t}\tconfidence" for t in model.heads]]))
    for answer in predict_files(model, files):
        answers.append(answer)
        if json_lines:
            click.echo(json.dumps(answer, ensure_ascii=False))
        elif answer["ok"]:
            cells = [f"{answer[t]['label']}\t{answer[t]['confidence']:.3f}" for t in model.heads]
            click.echo("\t".join([answer["path"], *cells]))
        else:
            click.echo(f"{answer['path']}\t{answer['error']}", err=True)
    _finish({"answers": answers}, json_file)
    if not all(answer["ok"] for answer in answers):
        sys.exit(3)


@main.command(epilog="Example: mtl-lowres export runs/a exports/a")
@click.argument("run")
@click.argument("directory")
@click.option("--degrade", help="Another recipe than the model was trained with.")
@_json_option
def export(run, directory, degrade, json_file):
    """Write the model as DIRECTORY/<version>/ for TensorFlow Serving."""
    from mtl_lowres.serving.export import export as export_model

    path = export_model(_load_run_model(run), directory, degrade=degrade)
    click.echo(f"SavedModel: {path}")
    _finish({"saved_model": str(path)}, json_file)


@main.command(epilog="Example: mtl-lowres report runs/a")
@click.argument("run")
@_json_option
def report(run, json_file):
    """Write the report.html of a finished run again."""
    from mtl_lowres.training.reporting import report_run

    path = report_run(run)
    click.echo(f"report: {path}")
    _finish({"report": str(path)}, json_file)


@main.command(
    epilog="Example: mtl-lowres manifest --dataset folder --data photos/ --out photos.csv"
)
@_dataset_options
@click.option("--tasks", help="Columns that must be labels, comma-separated.")
@click.option("--out", help="Write the manifest as this CSV.")
@click.option("--check", is_flag=True, help="Decode every file; exit status 3 when some are bad.")
@click.option("--bad-files", help="With --check: write the bad files as this CSV.")
@_json_option
def manifest(dataset, data, manifest_csv, tasks, out, check, bad_files, json_file):
    """Make, check and summarise a manifest."""
    from mtl_lowres.data.check import check_files
    from mtl_lowres.data.manifest import check_manifest, summarise_manifest, write_manifest

    rows, _ = _read_rows(dataset, data, manifest_csv)
    names = [task.strip() for task in tasks.split(",")] if tasks else []
    check_manifest(rows, tasks=names, files=False)
    click.echo(summarise_manifest(rows).to_string(index=False))
    if out:
        write_manifest(rows, out)
        click.echo(f"manifest: {out}")
    bad = []
    if check:
        table = check_files(rows)
        bad = table.to_dict("records")
        for row in bad:
            click.echo(f"{row['path']}: {row['reason']}", err=True)
        click.echo(f"{len(rows) - len(bad)} of {len(rows)} files can be decoded")
        if bad_files:
            table.to_csv(bad_files, index=False)
    _finish({"rows": len(rows), "bad_files": bad}, json_file)
    if bad:
        sys.exit(3)


@main.command("list", epilog="Example: mtl-lowres list trunks")
@click.argument(
    "kind", type=click.Choice(["trunks", "heads", "datasets", "degradations", "augmentations"])
)
@_json_option
def list_names(kind, json_file):
    """Print the names that other commands take."""
    import mtl_lowres as mtl

    names = getattr(mtl, f"list_{kind}")()
    click.echo("\n".join(names))
    _finish({kind: names}, json_file)


@main.command(epilog="Example: mtl-lowres demo --out demo")
@click.option("--out", default="demo", show_default=True, help="Folder for everything it makes.")
@click.option("--samples", type=int, default=6000, show_default=True, help="Images to draw.")
@click.option("--epochs", type=int, default=12, show_default=True, help="Passes over them.")
@_json_option
def demo(out, samples, epochs, json_file):
    """Draw thermal people, learn their posture at 16x16, report and export: no data needed."""
    from mtl_lowres.demo import run_demo

    _finish(run_demo(out, samples=samples, epochs=epochs), json_file)


def _load_run_model(run: str):
    """Return the model of a run folder, or of a model folder itself."""
    from mtl_lowres.model import load_model

    folder = Path(run)
    return load_model(folder if (folder / "model.json").exists() else folder / "model")


def _figures_table(result: dict) -> str:
    from mtl_lowres.evaluation.tables import figures_table

    return figures_table(result)
