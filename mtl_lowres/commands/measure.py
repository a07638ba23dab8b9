"""sweep and calibrate."""

from pathlib import Path

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
    epilog="Example: mtl-lowres sweep runs/a runs/b --sizes 112,56,28,16x14 --kernels area,bicubic "
    "--manifest mine.csv --split test --out sweeps/a"
)
@click.argument("models", nargs=-1, required=True)
@dataset_options
@click.option("--sizes", required=True, help="Probe sizes, N or HxW, comma-separated.")
@click.option(
    "--kernels",
    default="area",
    show_default=True,
    help="How images are brought to them: area, bicubic, bilinear, lanczos, nearest.",
)
@click.option("--split", help="Only the rows of this split.")
@click.option("--out", required=True, help="Folder for sweep.csv and sweep.html.")
@json_option
def sweep(
    models, dataset, data, reader_options, manifest_csv, sizes, kernels, split, out, json_file
):
    """Measure models over probe resolutions; a manifest of pairs by verification."""
    from mtl_lowres.evaluation.sweep import parse_sizes
    from mtl_lowres.files import replacing
    from mtl_lowres.model import load_model
    from mtl_lowres.report.sweep import write_sweep_report
    from mtl_lowres.training.sweep import sweep as sweep_models

    sizes = parse_sizes(sizes)
    kernels = list(dict.fromkeys(kernel.strip() for kernel in kernels.split(",")))
    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    manifest = rows_of_split(manifest, split)
    loaded = {name: load_model(path) for name, path in _named(models).items()}
    table = sweep_models(loaded, manifest, sizes, kernels, progress=True)
    with replacing(Path(out) / "sweep.csv") as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    page = write_sweep_report(
        Path(out) / "sweep.html", table, f"Sweep over probe resolutions ({split or 'all rows'})"
    )
    click.echo(_curves(table))
    if bad := int(table["bad_files"].max()):
        click.echo(f"files that could not be read and were left out: {bad}", err=True)
    click.echo(f"figures: {page}")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    write_result({"split": split or "all", "rows": rows}, json_file)


def _named(paths: tuple[str, ...]) -> dict[str, str]:
    """Return name -> path: each model is named after its run folder, of two alike by the path."""
    names = [_run_folder(path).name for path in paths]
    return {
        name if names.count(name) == 1 else path: path
        for name, path in zip(names, paths, strict=True)
    }


def _run_folder(path: str) -> Path:
    """Return the folder of a run, which may be named by the model in it."""
    folder = Path(path).resolve()
    return folder.parent if folder.name == "model" else folder


def _curves(table) -> str:
    """Return a line for each curve, a column for each size."""
    sizes = table["height"].astype(str) + "x" + table["width"].astype(str)
    wide = table.assign(size=sizes).pivot_table(
        index=["task", "metric", "run", "kernel"], columns="size", values="value", sort=False
    )
    return wide.round(4).reset_index().to_string(index=False)


@click.command(epilog="Example: mtl-lowres calibrate runs/a --sizes 16,8 --far 0.01")
@click.argument("run")
@dataset_options
@click.option("--sizes", help="Resolutions, N or HxW, comma-separated.  [default: the network's]")
@click.option(
    "--far",
    type=float,
    default=0.01,
    show_default=True,
    help="Share of pairs of different people that a threshold accepts.",
)
@json_option
def calibrate(run, dataset, data, reader_options, manifest_csv, sizes, far, json_file):
    """Fit temperatures and thresholds on validation rows and store them with the model.

    Without a manifest or dataset, on the validation rows of the run's own manifest.csv. The
    calibration errors (ece) before and after are those of the very rows that it is fitted on.
    """
    from mtl_lowres.evaluation.sweep import parse_sizes
    from mtl_lowres.model import load_model, store_calibration
    from mtl_lowres.training.calibrate import calibrate as fit
    from mtl_lowres.training.calibrate import merge_calibrations

    sizes = parse_sizes(sizes) if sizes else None
    model = load_model(run)
    if not (dataset or data or reader_options or manifest_csv):
        manifest_csv = _own_manifest(run)
    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    fitted = fit(model, manifest, sizes, far, progress=True)
    store_calibration(run, merge_calibrations(model.description.get("calibration", {}), fitted))
    for kind, tasks in fitted.items():
        for task, entries in tasks.items():
            click.echo(f"{kind} of {task}")
            click.echo(_entries(entries))
    write_result({"calibration": fitted}, json_file)


def _own_manifest(run: str) -> str:
    path = _run_folder(run) / "manifest.csv"
    if path.exists():
        return str(path)
    raise InputError(
        f"{run} is a model without a manifest.csv of its run: give --manifest FILE.csv, or "
        "--dataset NAME with --data FOLDER"
    )


def _entries(entries: list[dict]) -> str:
    """Return an aligned table with a line a size."""
    import pandas as pd

    rows = [entry | {"size": "x".join(map(str, entry["size"]))} for entry in entries]
    table = pd.DataFrame(rows)
    return table.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:.4f}")
