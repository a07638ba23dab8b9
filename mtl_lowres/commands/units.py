"""units."""

import click

from mtl_lowres.commands.common import dataset_options, json_option, read_rows, write_result


@click.command(
    epilog="Example: mtl-lowres units runs/c3d units/rgb --manifest clips.csv"
    ' --degrade "area(12, 16)|bicubic(112)"'
)
@click.argument("model")
@click.argument("out")
@dataset_options
@click.option(
    "--stream",
    type=click.Choice(["rgb", "flow"]),
    default="rgb",
    show_default=True,
    help="The videos, or their flow as colours in the column `flow`.",
)
@click.option("--degrade", required=True, help="Recipe of what the model sees of a frame.")
@click.option("--unit", type=int, help="Frames a unit.  [default: as the model takes]")
@click.option("--stride", default=8, show_default=True, help="Frames from a unit to the next one.")
@click.option("--layer", help="Layer of the trunk, such as c3d_fc6.  [default: its features]")
@click.option(
    "--resolution",
    type=click.Choice(["lr", "hr"]),
    help="Write the folders that --dataset hmdb51_features reads, of videos at this one.",
)
@click.option("--batch-size", default=8, show_default=True, help="Units a step.")
@click.option(
    "--bad-file-budget",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Tolerated share of bad files.",
)
@json_option
def units(
    model,
    out,
    dataset,
    data,
    reader_options,
    manifest_csv,
    stream,
    degrade,
    unit,
    stride,
    layer,
    resolution,
    batch_size,
    bad_file_budget,
    json_file,
):
    """Write what the trunk of MODEL gives the units of each video to the folder OUT.

    A unit is a few frames in a row. OUT/manifest.csv is the manifest with the units in the place of
    the videos (or of their flow), to train with `--clip "units(20, 4096)" --degrade ""`; for both
    streams give it once more with --stream flow and that manifest. A killed run goes on where it
    was when the same command is given again; a folder made with other settings is refused.
    """
    from mtl_lowres.data.loading import BadFiles
    from mtl_lowres.model import load_model
    from mtl_lowres.training.unit_layout import STREAMS
    from mtl_lowres.training.units import write_units

    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    bad_files = BadFiles(len(manifest), bad_file_budget)
    rows = write_units(
        load_model(model),
        manifest,
        out,
        degrade=degrade,
        stream=stream,
        unit=unit,
        stride=stride,
        layer=layer,
        resolution=resolution,
        batch_size=batch_size,
        bad_files=bad_files,
        progress=True,
    )
    files = rows[STREAMS[stream]].nunique()
    click.echo(f"units: {out} ({files} files, {len(rows)} rows in {rows.attrs['csv']})")
    for path, reason in bad_files.reasons.items():
        click.echo(f"left out: {path}: {reason}", err=True)
    result = {"out": out, "manifest": rows.attrs["csv"], "rows": len(rows), "files": files}
    write_result({**result, "bad_files": bad_files.reasons}, json_file)
