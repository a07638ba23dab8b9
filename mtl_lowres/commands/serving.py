"""predict and export."""

import json
import sys

import click

from mtl_lowres.commands.common import json_option, write_result


@click.command(epilog="Example: mtl-lowres predict runs/a photos/*.jpg --json-lines")
@click.argument("run")
@click.argument("files", nargs=-1, required=True)
@click.option("--json-lines", is_flag=True, help="Print a JSON object a file instead of a table.")
@json_option
def predict(run, files, json_lines, json_file):
    """Answer for image files, or for videos if the model takes clips.

    Exit status 3 when some cannot be read.
    """
    from mtl_lowres.model import load_model
    from mtl_lowres.serving.predict import predict_files

    model = load_model(run)
    answers = []
    if not json_lines:
        click.echo("\t".join(["file", *_column_names(model.heads)]))
    for answer in predict_files(model, files):
        answers.append(answer)
        if json_lines:
            click.echo(json.dumps(answer, ensure_ascii=False))
        elif answer["ok"]:
            cells = [cell for task in model.heads for cell in _cells(answer[task])]
            click.echo("\t".join([answer["path"], *cells]))
        else:
            click.echo(f"{answer['path']}\t{answer['error']}", err=True)
    write_result({"answers": answers}, json_file)
    if not all(answer["ok"] for answer in answers):
        sys.exit(3)


def _column_names(heads) -> list[str]:
    names = []
    for task, head in heads.items():
        names += [f"{task} ({head.unit})"] if head.classes is None else [task, "confidence"]
    return names


def _cells(answer: dict) -> list[str]:
    """Return a value without a class as a number, a class as its label and confidence."""
    if "value" in answer:
        return [f"{answer['value']:.1f}"]
    return [answer["label"], f"{answer['confidence']:.3f}"]


@click.command(epilog="Example: mtl-lowres export runs/a exports/a")
@click.argument("run")
@click.argument("directory")
@click.option("--degrade", help="Another recipe than the model was trained with.")
@json_option
def export(run, directory, degrade, json_file):
    """Write the model as DIRECTORY/<version>/ for TensorFlow Serving."""
    from mtl_lowres.model import load_model
    from mtl_lowres.serving.export import export as export_model

    path = export_model(load_model(run), directory, degrade=degrade)
    click.echo(f"SavedModel: {path}")
    write_result({"saved_model": str(path)}, json_file)
