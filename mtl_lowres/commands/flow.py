"""flow."""

import click

from mtl_lowres.commands.common import dataset_options, json_option, read_rows, write_result


@click.command(
    epilog="Example: mtl-lowres flow --manifest clips.csv --out flow"
    ' --method "farneback(3)" --degrade "area(12, 16)"'
)
@dataset_options
@click.option("--out", required=True, help="Folder for the flow and its manifest.csv.")
@click.option(
    "--method",
    required=True,
    help='Such as "farneback(20)", with the largest motion in pixels: `mtl-lowres list flows`.',
)
@click.option("--degrade", default="", help="Recipe to low resolution first.  [default: none]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["fields", "colours"]),
    default="fields",
    show_default=True,
    help="Motion in pixels (.npy), or colour images (.avi; .npy below 64 pixels).",
)
@click.option("--workers", type=int, help="Threads.  [default: one per core]")
@click.option(
    "--bad-file-budget",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Tolerated share of bad files.",
)
@json_option
def flow(
    dataset,
    data,
    reader_options,
    manifest_csv,
    out,
    method,
    degrade,
    form,
    workers,
    bad_file_budget,
    json_file,
):
    """Compute the optical flow of every file of a manifest and store it in the folder OUT.

    OUT/manifest.csv is the manifest with a column `flow`, for `--clip "uniform(16)|stored(20)"`.
    A killed run goes on where it was when the same command is given again; a folder made with other
    settings is refused.
    """
    from mtl_lowres.data.loading import BadFiles
    from mtl_lowres.training.flow_files import write_flow

    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    files = manifest["path"].nunique()
    bad_files = BadFiles(files, bad_file_budget)
    rows = write_flow(
        manifest,
        out,
        method,
        degrade=degrade,
        form=form,
        workers=workers,
        bad_files=bad_files,
        progress=True,
    )
    click.echo(f"flow: {out} ({rows['flow'].nunique()} files, {len(rows)} rows in manifest.csv)")
    for path, reason in bad_files.reasons.items():
        click.echo(f"left out: {path}: {reason}", err=True)
    result = {"out": out, "rows": len(rows), "files": rows["flow"].nunique()}
    write_result({**result, "bad_files": bad_files.reasons}, json_file)
