"""pack."""

import click

from mtl_lowres.commands.common import dataset_options, json_option, read_rows, write_result


@click.command(epilog="Example: mtl-lowres pack --manifest photos.csv --out packed")
@dataset_options
@click.option("--out", required=True, help="Absent or empty folder for shards and manifest.csv.")
@click.option("--degrade", default="", help="Store degraded images.  [default: the encoded files]")
@click.option(
    "--shard-mb",
    "shard_megabytes",
    default=256,
    show_default=True,
    help="Size of a shard in million bytes.",
)
@click.option("--workers", type=int, help="Threads.  [default: one per core]")
@click.option(
    "--bad-file-budget", default=0.01, show_default=True, help="Tolerated share of bad files."
)
@json_option
def pack(
    dataset,
    data,
    reader_options,
    manifest_csv,
    out,
    degrade,
    shard_megabytes,
    workers,
    bad_file_budget,
    json_file,
):
    """Pack the images of a manifest into a few TFRecord shards, whole or not at all.

    OUT/manifest.csv names the place of each image in its shard and is used like any manifest; what
    is trained on it is the same bit for bit. Videos stay the files that they are.
    """
    from mtl_lowres.data.loading import BadFiles
    from mtl_lowres.data.packed import is_packed
    from mtl_lowres.data.packing import pack_images

    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    bad_files = BadFiles(manifest["path"].nunique(), bad_file_budget)
    rows = pack_images(
        manifest,
        out,
        degrade=degrade,
        shard_megabytes=shard_megabytes,
        workers=workers,
        bad_files=bad_files,
        progress=True,
    )
    paths = rows["path"].drop_duplicates()
    packed = int(paths.map(is_packed).sum())
    click.echo(f"packed: {out} ({packed} images, {len(rows)} rows in manifest.csv)")
    if packed < len(paths):
        click.echo(f"{len(paths) - packed} videos and arrays stay the files that they are")
    for path, reason in bad_files.reasons.items():
        click.echo(f"left out: {path}: {reason}", err=True)
    result = {"out": out, "rows": len(rows), "images": packed, "bad_files": bad_files.reasons}
    write_result(result, json_file)
