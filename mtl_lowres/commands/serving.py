"""predict and export."""

import json
import sys

import click

from mtl_lowres.commands.common import json_option, write_result
from mtl_lowres.errors import InputError


@click.command(epilog="Example: mtl-lowres predict runs/a photos/*.jpg --json-lines")
@click.argument("model")
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
@click.option("--window", type=int, help="Answer for every so many frames of a video, as clips.")
@click.option(
    "--every", type=int, help="Begin a window, or answer for a frame, every so many frames."
)
@click.option("--degrade", help="Another recipe than the model was trained with.")
@json_option
def predict(model, files, json_lines, gallery, threshold, window, every, degrade, json_file):
    """Answer for image and video files.

    MODEL is a run, a SavedModel that `mtl-lowres export` wrote, or a .tflite file. Confidences are
    calibrated where the model is (see `mtl-lowres calibrate`). A model of images answers for each
    frame of a video. With --gallery the nearest enrolled person is named too. Exit status 3 when
    some files cannot be read.
    """
    from mtl_lowres.serving.gallery import Gallery
    from mtl_lowres.serving.predictor import Predictor
    from mtl_lowres.serving.words import table_row

    if threshold is not None and not gallery:
        raise InputError(f"--threshold {threshold} is for --gallery FOLDER: give both")
    predictor = Predictor(model)
    people = Gallery(predictor, gallery, threshold, degrade) if gallery else None
    options = {"window": window, "every": every, "degrade": degrade, "gallery": people}
    columns = _columns(predictor, files, window, people)
    if not json_lines:
        # Each task's confidence stands beside it.
        headings = ["confidence" if c.endswith(" confidence") else c for c in columns]
        click.echo("\t".join(headings))
    answers = []
    for answer in predictor.answers(files, **options):
        answers.append(answer)
        if json_lines:
            click.echo(json.dumps(answer, ensure_ascii=False))
        elif answer["ok"]:
            row = table_row(answer, predictor.tasks)
            click.echo("\t".join(_cell(column, row.get(column, "")) for column in columns))
        else:
            click.echo(f"{answer['path']}\t{answer['error']}", err=True)
    write_result({"answers": answers}, json_file)
    if not all(answer["ok"] for answer in answers):
        sys.exit(3)


def _columns(predictor, files, window, gallery) -> list[str]:
    """Return the columns, known before a file is read, so that rows are printed as they come."""
    from mtl_lowres.data.frame_stream import has_frames
    from mtl_lowres.serving.words import task_columns

    in_parts = window or (len(predictor.input_shape) == 3 and any(map(has_frames, files)))
    return [
        "file",
        *(["start", "stop"] if in_parts else []),
        *(c for task, known in predictor.tasks.items() for c in task_columns(task, known)),
        *(["person", "similarity"] if gallery else []),
    ]


def _cell(column: str, value) -> str:
    """Return a number with the digits that its column means."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if column.endswith(("confidence", "similarity")) else f"{value:.1f}"


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
