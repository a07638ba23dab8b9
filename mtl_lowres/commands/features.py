"""features."""

import click

from mtl_lowres.commands.common import dataset_options, json_option, read_rows, write_result


@click.command(
    epilog="Example: mtl-lowres features lite0 features/a --manifest mine.csv"
    ' --hr "bicubic(224)" --degrade "bicubic(32)|bicubic(224)" --degrade "bicubic(16)|bicubic(224)"'
)
@click.argument("model")
@click.argument("out")
@dataset_options
@click.option("--hr", required=True, help="Recipe of high resolution, of the model's size.")
@click.option(
    "--degrade",
    multiple=True,
    required=True,
    help="Recipe from high to a low resolution, back to the model's size; may be repeated.",
)
@click.option("--layer", help="Layer of the trunk.  [default: its features]")
@click.option("--augment", help='Augmentation of the further views, all of it at="hr".')
@click.option(
    "--views", default=1, show_default=True, help="How often an image is seen; once as it is."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@json_option
def features(
    model,
    out,
    dataset,
    data,
    reader_options,
    manifest_csv,
    hr,
    degrade,
    layer,
    augment,
    views,
    seed,
    batch_size,
    json_file,
):
    """Write the features that the trunk of MODEL gives at high and low resolution to OUT.

    Each file is decoded once for all resolutions. A killed run goes on where it was when the same
    command is given again; a folder made with other settings is refused.
    """
    from mtl_lowres.model import load_model
    from mtl_lowres.training.features import extract_features

    manifest, _ = read_rows(dataset, data, manifest_csv, reader_options)
    store = extract_features(
        load_model(model),
        manifest,
        out,
        hr=hr,
        degrade=degrade,
        layer=layer,
        augment=augment,
        views=views,
        seed=seed,
        batch_size=batch_size,
        progress=True,
    )
    rows, bad_files = len(store.manifest), store.settings["bad_files"]
    seen = f"{views} views of {rows} images" if views > 1 else f"{rows} images"
    click.echo(f"features: {out} ({seen}, {store.width} numbers each, hr and {', '.join(degrade)})")
    if bad_files:
        path, reason = next(iter(bad_files.items()))
        click.echo(
            f"files that could not be read and were left out: {len(bad_files)}, the first {path}: "
            f"{reason}",
            err=True,
        )
    result = {"store": out, "rows": rows, "views": views, "width": store.width}
    write_result({**result, "settings": store.settings}, json_file)
