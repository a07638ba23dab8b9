"""Options and steps that several commands share."""

import ast

import click

from mtl_lowres.errors import InputError


def json_option(command):
    """Add `--json FILE` to a command."""
    return click.option(
        "--json", "json_file", type=click.Path(dir_okay=False), help="Write the result as JSON."
    )(command)


def dataset_options(command):
    """Add the options that say which rows to read."""
    for option in (
        click.option("--manifest", "manifest_csv", help="CSV with a row a sample."),
        click.option("--data", help="Folder of the dataset."),
        click.option("--dataset", help="Layout of --data: see `mtl-lowres list datasets`."),
        click.option(
            "--option",
            "reader_options",
            multiple=True,
            metavar="NAME=VALUE",
            help="Option of the --dataset's reader, such as seed=1.",
        ),
    ):
        command = option(command)
    return command


def write_result(result: dict, json_file: str | None) -> None:
    """Write the result of a command where `--json` asks for it."""
    if json_file:
        from mtl_lowres.files import write_json

        write_json(json_file, result)


def read_rows(
    dataset: str | None, data: str | None, manifest_csv: str | None, reader_options: tuple = ()
):
    """Return the manifest that the options name, and a note of where it came from."""
    import mtl_lowres as mtl

    if manifest_csv and (dataset or data or reader_options):
        raise InputError("give either --manifest, or --dataset with --data, not both")
    if manifest_csv:
        return mtl.read_manifest(manifest_csv), {"manifest": manifest_csv}
    if not (dataset and data):
        raise InputError("give --manifest FILE.csv, or --dataset NAME with --data FOLDER")
    options = dict(map(_parse_option, reader_options))
    source = {"dataset": dataset, "data": data} | ({"options": options} if options else {})
    return mtl.read_dataset(dataset, data, **options), source


def rows_of_split(manifest, split: str | None):
    """Return the rows of a split, all of them for none."""
    if not split:
        return manifest
    if "split" not in manifest or not (manifest["split"] == split).any():
        raise InputError(f"--split {split!r}: the manifest has no such rows")
    return manifest[manifest["split"] == split]


def _parse_option(text: str) -> tuple[str, object]:
    """Return name and value of `NAME=VALUE`; a value that is no Python literal is a text."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise InputError(f"--option {text!r}: write NAME=VALUE, such as seed=1")
    try:
        return name.strip(), ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name.strip(), value


def print_figures(result: dict) -> None:
    """Print the figures of a run or of several as a table."""
    from mtl_lowres.evaluation.tables import figures_table

    click.echo(figures_table(result))
