"""predict and export."""

import json
import sys

import click

from mtl_lowres.commands.common import json_option, write_result
from mtl_lowres.errors import InputError


@click.command(epilog="Example: mtl-lowres predict runs/a photos/*.jpg --json-lines")
@click.argument("run")
@click.argument("files", nargs=-1, required=True)
@click.option("--json-lines", is_flag=True, help="Print a JSON object a file instead of a table.")
@click.option(
    "--gallery", help="Folder of images of people to tell, one a person or a folder each."
)
@click.option(
    "--threshold",
    type=float,
    help="Cosine from which it is the same person.  [default: the calibrated one]",
)
@click.option("--degrade", help="Another recipe than the model was trained with.")
@json_option
def predict(run, files, json_lines, gallery, threshold, degrade, json_file):
    """Answer for image files, or for videos if the model takes clips.

    Confidences are calibrated where the model is (see `mtl-lowres calibrate`). With --gallery the
    nearest enrolled person is named too. Exit status 3 when some files cannot be read.
    """
    from mtl_lowres.model import load_model
    from mtl_lowres.serving.gallery import Gallery
    from mtl_lowres.serving.predict import predict_files

    if threshold is not None and not gallery:
        raise InputError(f"--threshold {threshold} is for --gallery FOLDER: give both")
    model = load_model(run)
    people = Gallery(model, gallery, threshold, degrade) if gallery else None
    answers = []
    if not json_lines:
        names = _column_names(model.heads) + (["person", "similarity"] if people else [])
        click.echo("\t".join(["file", *names]))
    for answer in predict_files(model, files, gallery=people, degrade=degrade):
        answers.append(answer)
        if json_lines:
            click.echo(json.dumps(answer, ensure_ascii=False))
        elif answer["ok"]:
            cells = [cell for task in model.heads for cell in _cells(answer[task])]
            if people:
                cells += [answer["gallery"]["label"], f"{answer['gallery']['similarity']:.3f}"]
            click.echo("\t".join([answer["path"], *cells]))
        else:
            click.echo(f"{answer['path']}\t{answer['error']}", err=True)
    write_result({"answers": answers}, json_file)
    if not all(answer["ok"] for answer in answers):
        sys.exit(3)


def _column_names(heads) -> list[str]:
    names = []
    for task, head in heads.items():
        if head.classes is not None:
            names += [task, "confidence"]
        elif head.unit is not None:
            names.append(f"{task} ({head.unit})")
    return names


def _cells(answer: dict) -> list[str]:
    """Return a value as a number, a class as label and confidence; nothing for an embedding."""
    if "embedding" in answer:
        return []
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

    path = export_model(load_model(run), directory, degrade=degrade, run=run)
    click.echo(f"SavedModel: {path}")
    labels = json.loads((path / "labels.json").read_text(encoding="utf-8"))
    for signature, reason in labels.get("left_out", {}).items():
        click.echo(f"without the signature {signature}: {reason}")
    write_result({"saved_model": str(path)}, json_file)
