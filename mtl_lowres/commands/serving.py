"""predict and export."""

import json
import sys

import click

from mtl_lowres.commands.common import json_option, load_run_model, write_result


@click.command(epilog="Example: mtl-lowres predict runs/a photos/*.jpg --json-lines")
@click.argument("run")
@click.argument("files", nargs=-1, required=True)
@click.option("--json-lines", is_flag=True, help="Print a JSON object a file instead of a table.")
@json_option
def predict(run, files, json_lines, json_file):
    """Answer for image files; exit status 3 when some cannot be read."""
    from mtl_lowres.serving.predict import predict_files

    model = load_run_model(run)
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
    write_result({"answers": answers}, json_file)
    if not all(answer["ok"] for answer in answers):
        sys.exit(3)


@click.command(epilog="Example: mtl-lowres export runs/a exports/a")
@click.argument("run")
@click.argument("directory")
@click.option("--degrade", help="Another recipe than the model was trained with.")
@json_option
def export(run, directory, degrade, json_file):
    """Write the model as DIRECTORY/<version>/ for TensorFlow Serving."""
    from mtl_lowres.serving.export import export as export_model

    path = export_model(load_run_model(run), directory, degrade=degrade)
    click.echo(f"SavedModel: {path}")
    write_result({"saved_model": str(path)}, json_file)
