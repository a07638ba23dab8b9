"""tflite."""

import click

from mtl_lowres.commands.common import (
    dataset_options,
    json_option,
    read_rows,
    rows_of_split,
    write_result,
)
from mtl_lowres.errors import InputError


@click.command(
    epilog="Example: mtl-lowres tflite runs/a lite/a --manifest runs/a/manifest.csv --split val"
)
@click.argument("run")
@click.argument("directory")
@dataset_options
@click.option("--split", help="Only the rows of this split.")
@click.option(
    "--kinds",
    default="float32,float16,dynamic,int8",
    show_default=True,
    help="Numbers that the files compute with.",
)
@click.option("--rows", type=int, default=256, show_default=True, help="Look at so many rows.")
@click.option("--figures", is_flag=True, help="Measure every kind on the labels of the rows too.")
@json_option
def tflite(
    run,
    directory,
    dataset,
    data,
    reader_options,
    manifest_csv,
    split,
    kinds,
    rows,
    figures,
    json_file,
):
    """Write the model as DIRECTORY/<kind>.tflite and measure what each file answers.

    The rows set the ranges of int8, and all kinds are compared with the model on them.
    """
    from mtl_lowres.model import load_model
    from mtl_lowres.serving.lite_figures import lite_figures, read_samples
    from mtl_lowres.serving.tflite import check_kinds, export_tflite

    kinds = kinds.replace(" ", "").split(",")
    check_kinds(kinds)
    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    manifest = rows_of_split(manifest, split)
    if rows < 1:
        raise InputError(f"--rows {rows}: give at least 1")
    model = load_model(run)
    # Evenly over the manifest, whose rows may be sorted by class.
    chosen = manifest.iloc[:: -(-len(manifest) // rows)]
    samples, chosen = read_samples(model, chosen)
    result = export_tflite(model, directory, samples, kinds)
    for kind, made in result.items():
        differences = ", ".join(
            f"{task} {difference['max']:.2g}" for task, difference in made["outputs"].items()
        )
        click.echo(f"{kind}: {made['bytes'] / 1000:.0f} kB, largest difference {differences}")
    if figures:
        table = lite_figures(model, chosen, samples, directory, list(result))
        click.echo(table.round(4).to_string(index=False))
        for kind, made in result.items():
            made["figures"] = table[table["kind"] == kind].drop(columns="kind").to_dict("records")
    write_result({"kinds": result}, json_file)
