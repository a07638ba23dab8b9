"""privacy."""

from pathlib import Path

import click

from mtl_lowres.commands.common import dataset_options, json_option, read_rows, write_result


@click.command(
    epilog="Example: mtl-lowres privacy --dataset tip38 --data tip38/ --sizes 16,8,4 --out leak"
)
@dataset_options
@click.option("--out", required=True, help="Folder for the runs, privacy.csv and privacy.html.")
@click.option("--useful", default="posture", show_default=True, help="Column of the useful task.")
@click.option(
    "--person",
    type=click.Choice(["identity", "subject"]),
    default="identity",
    show_default=True,
    help="Column that is filled in where the attacker knows the person.",
)
@click.option(
    "--apart", help="Column whose values the attacker is trained and tested on apart: [--useful]."
)
@click.option(
    "--sizes", default="16,8,4", show_default=True, help="Resolutions, such as 16,8 or 16x14."
)
@click.option("--kernel", default="area", show_default=True, help="Resizing to each resolution.")
@click.option("--trunk", default="steadynet", show_default=True, help="Of the useful network.")
@click.option("--attacker", help="Trunk of the attacker.  [default: as --trunk]")
@click.option("--degrade", help="What the networks see.  [default: area of the largest size]")
@click.option("--augment", default="", help='Such as "shift(1)|rotate(8)|gain(0.3)".')
@click.option("--attack-augment", help="Of the attacker.  [default: as --augment]")
@click.option("--epochs", type=int, default=40, show_default=True, help="Of both networks.")
@click.option("--batch-size", type=int, default=64, show_default=True, help="Images a step.")
@click.option(
    "--learning-rate", type=float, default=2e-3, show_default=True, help="Highest one, of adamw."
)
@click.option(
    "--val",
    type=float,
    default=0.2,
    show_default=True,
    help="Share of people, and of recordings, held out to choose the epoch.",
)
@click.option("--seeds", type=int, default=3, show_default=True, help="Seeds, a fold each.")
@click.option("--folds", type=int, default=3, show_default=True, help="Parts tested in turn.")
@click.option(
    "--keep-copies", is_flag=True, help="Leave copies of images, and people who share them, alone."
)
@json_option
def privacy(dataset, data, reader_options, manifest_csv, out, json_file, sizes, **options):
    """Measure how much identity leaks from images good enough for a task."""
    from mtl_lowres.evaluation.privacy import privacy_text
    from mtl_lowres.evaluation.sweep import parse_sizes
    from mtl_lowres.training.privacy import measure_privacy

    parsed = parse_sizes(sizes)
    useful, attacker = _settings(options, parsed)
    manifest, source = read_rows(dataset, data, manifest_csv, reader_options)
    result = measure_privacy(
        useful,
        attacker,
        manifest,
        out,
        parsed,
        person=options["person"],
        apart=options["apart"] or "",
        kernel=options["kernel"],
        seeds=options["seeds"],
        folds=options["folds"],
        val=options["val"],
        join_people=not options["keep_copies"],
        source=source,
        progress=True,
    )
    click.echo(privacy_text(result))
    click.echo(f"report: {Path(out) / 'privacy.html'}")
    write_result(result, json_file)


def _settings(options: dict, sizes: list[tuple[int, int]]):
    """Return the settings of the useful network and of the attacker."""
    from mtl_lowres.training.config import TrainConfig

    height, width = (max(sides) for sides in zip(*sizes, strict=True))
    common = {name: options[name] for name in ("epochs", "batch_size", "learning_rate")}
    common["degrade"] = options["degrade"] or f"area({height}, {width})"
    useful = TrainConfig(
        tasks=(options["useful"],),
        trunk=options["trunk"],
        augment=options["augment"],
        val=options["val"],
        **common,
    )
    attacker = TrainConfig(
        tasks=("identity",),
        trunk=options["attacker"] or options["trunk"],
        heads={"identity": "identity(label_smoothing=0.1)"},
        augment=options["augment"]
        if options["attack_augment"] is None
        else options["attack_augment"],
        val=0,
        **common,
    )
    return useful, attacker
