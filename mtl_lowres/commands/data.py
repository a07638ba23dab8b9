"""manifest, list and demo."""

import sys

import click

from mtl_lowres.commands.common import dataset_options, json_option, read_rows, write_result

_KINDS = [
    "trunks",
    "backbones",
    "heads",
    "weightings",
    "datasets",
    "degradations",
    "augmentations",
    "clip_samplings",
    "flows",
]


@click.command(
    epilog="Example: mtl-lowres manifest --dataset folder --data photos/ --out photos.csv"
)
@dataset_options
@click.option("--tasks", help="Columns that must be labels, comma-separated.")
@click.option("--out", help="Write the manifest as this CSV.")
@click.option("--check", is_flag=True, help="Decode every file; exit status 3 when some are bad.")
@click.option("--bad-files", help="With --check: write the bad files as this CSV.")
@json_option
def manifest(dataset, data, reader_options, manifest_csv, tasks, out, check, bad_files, json_file):
    """Make, check and summarise a manifest."""
    from mtl_lowres.data.check import check_files
    from mtl_lowres.data.manifest import check_manifest, summarise_manifest, write_manifest

    rows, _ = read_rows(dataset, data, manifest_csv, reader_options)
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
    write_result({"rows": len(rows), "bad_files": bad}, json_file)
    if bad:
        sys.exit(3)


@click.command("list", epilog="Example: mtl-lowres list trunks")
@click.argument("kind", type=click.Choice(_KINDS))
@json_option
def list_names(kind, json_file):
    """Print the names that other commands take."""
    import mtl_lowres as mtl

    names = getattr(mtl, f"list_{kind}")()
    click.echo("\n".join(names))
    write_result({kind: names}, json_file)


@click.command(epilog="Example: mtl-lowres demo --out demo")
@click.option("--out", default="demo", show_default=True, help="Folder for everything it makes.")
@click.option("--samples", type=int, default=3200, show_default=True, help="Clips to draw.")
@click.option("--epochs", type=int, default=12, show_default=True, help="Passes over them.")
@json_option
def demo(out, samples, epochs, json_file):
    """Draw moving thermal people, learn four tasks at 16x16, report and export: no data needed."""
    from mtl_lowres.demo import run_demo

    write_result(run_demo(out, samples=samples, epochs=epochs), json_file)
