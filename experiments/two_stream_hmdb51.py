"""Actions at 12x16 pixels with the fully-coupled two-stream network, in HMDB51's layout.

Xu et al. (WACV 2018, arXiv 1801.03983): two C3D networks see units of 16 frames and of optical flow
as colour images; a bidirectional GRU a stream reads the units of a video. High- and low-resolution
videos are two samples of one network; low resolution alone is tested.

    python experiments/two_stream_hmdb51.py --generate           # 400 videos of thermal people
    python experiments/two_stream_hmdb51.py --data HMDB51        # its videos and split lists
    python experiments/two_stream_hmdb51.py --features Split1    # the features that are published

`--quick` goes through everything with tiny networks, one epoch and one seed, in about a minute.
Every step is resumed: start the same command again after an interruption.

The same by hand, up to the line "both streams, LR + HR" (the first line makes the generated set):

    python -c "from mtl_lowres.datasets import make_hmdb51; make_hmdb51('HMDB51')"
    mtl-lowres manifest --dataset hmdb51 --data HMDB51 --option val=0.2 --out videos.csv
    mtl-lowres flow --manifest videos.csv --out flow_lr --method "farneback(2)" \\
        --degrade "area(12, 16)" --format colours
    mtl-lowres flow --manifest videos.csv --out flow_hr --method "farneback(4)" \\
        --degrade "area(32)" --format colours
    mtl-lowres train --manifest videos.csv --out c3d_rgb --tasks action \\
        --trunk "c3d(width=0.125, features='fc6')" --clip "random(16)" \\
        --degrade "area(12, 16)|bicubic(32)" --coupled "area(32)" --augment "flip(0.5)" \\
        --learning-rate 5e-4 --warmup-epochs 1 --epochs 12 --batch-size 8
    # flow_clips.csv is what `flow_clips` below makes of both manifests: the flow as clips
    mtl-lowres train --manifest flow_clips.csv --out c3d_flow --tasks action \\
        --trunk "c3d(width=0.125, features='fc6')" --clip "random(16)" --degrade "bicubic(32)" \\
        --learning-rate 5e-4 --warmup-epochs 1 --epochs 12 --batch-size 16
    mtl-lowres units c3d_rgb units --manifest flow_lr/manifest.csv --resolution lr \\
        --degrade "area(12, 16)|bicubic(32)"
    mtl-lowres units c3d_flow units --manifest flow_lr/manifest.csv --resolution lr \\
        --stream flow --degrade "bicubic(32)"
    (the same two of flow_hr with --resolution hr, and --degrade "area(32)" for c3d_rgb)
    mtl-lowres train --dataset hmdb51_features --data units --out both --tasks action --seeds 3 \\
        --trunk "two_stream_rnn(hidden=128)" --clip "units(4, 512)" --degrade "" \\
        --optimizer rmsprop --schedule constant --epochs 50 --batch-size 32

Protocols, printed with every figure:

- validation: a part of the films of train is held out, chooses the epoch, and is not trained on
  (the published features: their own validation videos). Every network reads the test videos once,
  when it is finished.
- release: the validation videos are trained on, as the released program does, and the test videos
  are read after 40, 45 and 50 epochs; all three figures are printed.

What differs from the paper where C3D is trained here: it has an eighth of the filters and sees 32
pixels with `--generate`, and starts at random, since the weights learned on Sports-1M are not at
hand; it is trained on single units of the training videos, of both resolutions. Flow is that of
Farneback. With `--generate` the GRUs have 128 units in place of 512, and batches of 32 in place of
256 make up for fewer videos. A stream alone stands in the place of appearance; the GRU of the other
sees zeros and adds nothing.

Measured with `--generate`, protocol validation (220 training videos of 11 films, 60 validation
videos of 3 and 120 test videos of 6; chance 0.1), test accuracy at 12x16. One unit of a video, one
seed: C3D of RGB 0.650, C3D of flow 0.742. All units, mean ± deviation of three seeds of the GRUs:

                    RGB              flow             both
    LR              0.628 ± 0.035    0.808 ± 0.022    0.900 ± 0.000
    LR + HR         0.683 ± 0.008    0.803 ± 0.025    0.861 ± 0.013

Two streams gain nine points over flow alone. High resolution in training helps appearance, does
nothing for flow and cost both streams four points: three seeds, 120 videos.
"""

import argparse
import dataclasses
import shlex
from pathlib import Path

import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.cli import main as mtl_lowres
from mtl_lowres.data.manifest import write_manifest
from mtl_lowres.datasets import make_hmdb51
from mtl_lowres.evaluation import format_mean_std, summarise_seeds
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

LOW = "area(12, 16)"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What depends on how much there is to learn from.

    Attributes:
        side: of what C3D sees, in pixels.
        bounds: largest motion in pixels of the flow at low and at high resolution.
        width: factor on C3D's filters.
        c3d_epochs: passes over the training videos to train it.
        units: of a video that the GRUs see.
        hidden: units of each GRU.
        batch_size: of the GRUs' training.
        epochs: of the GRUs' training; under `release` one run each.
    """

    side: int
    bounds: tuple[int, int]
    width: float
    c3d_epochs: int
    units: int
    hidden: int
    batch_size: int
    epochs: tuple[int, ...] = (40, 45, 50)

    @property
    def c3d(self) -> str:
        """The trunk of both streams."""
        return f"c3d(width={self.width}, features='fc6')"

    @property
    def recipes(self) -> dict[str, str]:
        """What C3D sees of a frame at each resolution."""
        return {"lr": f"{LOW}|bicubic({self.side})", "hr": f"area({self.side})"}

    @property
    def rnn(self) -> TrainConfig:
        """How the GRUs are trained."""
        return TrainConfig(
            tasks=("action",),
            trunk=f"two_stream_rnn(hidden={self.hidden})",
            clip=f"units({self.units}, {round(4096 * self.width)})",
            degrade="",
            optimizer="rmsprop",
            learning_rate=1e-3,
            schedule="constant",
            batch_size=self.batch_size,
            epochs=self.epochs[-1],
            val=0,
        )


PUBLISHED = Sizes(112, (3, 20), 1.0, 12, units=20, hidden=512, batch_size=256)
GENERATED = Sizes(32, (2, 4), 0.125, 12, units=4, hidden=128, batch_size=32)
QUICK = Sizes(16, (2, 4), 1 / 64, 1, units=2, hidden=8, batch_size=32, epochs=(1,))

# line -> (streams, resolutions of the training videos)
LINES = {
    f"{name}, {trained}": (streams, resolutions)
    for name, streams in (("both streams", "both"), ("RGB alone", "rgb"), ("flow alone", "flow"))
    for trained, resolutions in (("LR", "lr"), ("LR + HR", "both"))
}
FIGURES = """\
published accuracy on HMDB51 with test videos of 12x16 pixels, from abstracts, which do not say over
which of the three splits: semi-coupled two-stream (WACV 2017) 0.292, STAT (arXiv 1909.03580v2)
0.5812, CSTAT (its v4, IJCV 2023) 0.5923, the best found. No figure was found in the abstracts or
releases of: the fully-coupled network itself (WACV 2018), inverse super-resolution (1604.03196),
multi-Siamese (1708.00999), Purwanto et al. (2019), TinyVIRAT (2007.07355), Oguz and Ikizler-Cinbis
(2024)."""


def command(*words: object) -> None:
    """Print a command of `mtl-lowres` and run it."""
    words = [str(word) for word in words]
    print(f"\n$ mtl-lowres {shlex.join(words)}", flush=True)
    mtl_lowres.main(words, standalone_mode=False)


def write_flow(videos: Path, sizes: Sizes, out: Path) -> dict[str, Path]:
    """Compute the flow of all videos; return the manifest with it for each resolution."""
    frames = {"lr": LOW, "hr": sizes.recipes["hr"]}
    manifests = {}
    for (resolution, recipe), bound in zip(frames.items(), sizes.bounds, strict=True):
        folder = out / f"flow_{resolution}"
        settings = ("--method", f"farneback({bound})", "--degrade", recipe, "--format", "colours")
        command("flow", "--manifest", videos, "--out", folder, *settings)
        manifests[resolution] = folder / "manifest.csv"
    return manifests


def flow_clips(manifests: dict[str, Path]) -> pd.DataFrame:
    """Return the flow as clips of its own: of the training videos at both resolutions."""
    lr, hr = (mtl.read_manifest(manifests[resolution]) for resolution in ("lr", "hr"))
    rows = pd.concat([lr, hr[hr["split"] == "train"]], ignore_index=True)
    rows = rows.assign(path=rows["flow"]).drop(columns="flow")
    rows.attrs["classes"] = lr.attrs["classes"]
    return rows


def write_features(videos: Path, sizes: Sizes, out: Path) -> Path:
    """Go from videos to unit features in the published layout; return their folder."""
    manifests = write_flow(videos, sizes, out)
    write_manifest(flow_clips(manifests), out / "flow_clips.csv")
    learning = ("--learning-rate", 5e-4, "--warmup-epochs", 1, "--epochs", sizes.c3d_epochs)
    learning = ("--tasks", "action", "--trunk", sizes.c3d, "--clip", "random(16)", *learning)
    recipes, seen_flow = sizes.recipes, f"bicubic({sizes.side})"
    command(
        *("train", "--manifest", videos, "--out", out / "c3d_rgb", *learning, "--batch-size", 8),
        *("--degrade", recipes["lr"], "--coupled", recipes["hr"], "--augment", "flip(0.5)"),
    )
    command(
        *("train", "--manifest", out / "flow_clips.csv", "--out", out / "c3d_flow", *learning),
        *("--degrade", seen_flow, "--batch-size", 16),
    )
    for resolution, manifest in manifests.items():
        rows = (out / "units", "--manifest", manifest, "--resolution", resolution)
        command("units", out / "c3d_rgb", *rows, "--degrade", recipes[resolution])
        command("units", out / "c3d_flow", *rows, "--stream", "flow", "--degrade", seen_flow)
    return out / "units"


def rows_of_line(features: Path, line: str, protocol: str) -> pd.DataFrame:
    """Return the rows that a line of the table is trained and tested with."""
    streams, resolutions = LINES[line]
    rows = mtl.read_dataset(
        "hmdb51_features",
        features,
        train=resolutions,
        flow=streams != "rgb",
        train_on_validation=protocol == "release",
    )
    if streams == "flow":  # in the place of the appearance
        rows = rows.assign(path=rows["flow"]).drop(columns="flow")
    return rows


def run_line(line: str, features: Path, sizes: Sizes, options: argparse.Namespace) -> list[dict]:
    """Train one line of the table with every seed; return its rows, one an epoch that is read."""
    rows = rows_of_line(features, line, options.protocol)
    folder = options.out / options.protocol / "".join(c if c.isalnum() else "-" for c in line)
    table = []
    for epochs in sizes.epochs if options.protocol == "release" else sizes.epochs[-1:]:
        config = dataclasses.replace(sizes.rnn, epochs=epochs)
        figures = []
        for seed in range(1 if options.quick else options.seeds):
            out = folder / f"epochs-{epochs}" / f"seed-{seed}"
            run = train(dataclasses.replace(config, seed=seed), rows, out, progress=True)
            test = run["splits"]["test"]["action"]
            figures.append({name: test[name] for name in ("accuracy", "macro_f1")})
        summary = summarise_seeds(figures)
        table.append(
            {
                "streams, trained on": line,
                **{name: format_mean_std(values, 3) for name, values in summary.items()},
                "parameters": run["parameters"],
                "protocol": f"{options.protocol}, {epochs} epochs",
            }
        )
    return table


def find_features(options: argparse.Namespace) -> tuple[Path, Sizes]:
    """Return the folder of unit features, which is made of videos where there is none."""
    if options.features:
        quick = dataclasses.replace(PUBLISHED, hidden=8, epochs=(1,))
        return options.features, quick if options.quick else PUBLISHED
    data, sizes = options.data, PUBLISHED
    if options.generate:
        data, sizes = options.out / "HMDB51-generated", GENERATED
        small = {"people": 6, "takes": 1, "frames": (14, 24), "size": 32}
        make_hmdb51(data, **small if options.quick else {})
    sizes = QUICK if options.quick else sizes
    chosen = ("--option", f"split={options.split}", "--option", f"val={options.val}")
    videos = options.out / "videos.csv"
    command("manifest", "--dataset", "hmdb51", "--data", data, *chosen, "--out", videos)
    return write_features(videos, sizes, options.out), sizes


def main():
    """Make the features if need be, train the lines that are asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--generate", action="store_true", help="draw a small set in the layout")
    source.add_argument("--data", type=Path, help="folder of HMDB51's videos and split lists")
    source.add_argument("--features", type=Path, help="folder of the published features")
    parser.add_argument("--split", type=int, choices=(1, 2, 3), default=1, help="of the videos")
    parser.add_argument("--val", type=float, default=0.2, help="share of train's films held out")
    parser.add_argument("--protocol", choices=("validation", "release"), default="validation")
    parser.add_argument("--lines", nargs="+", choices=LINES, help="default: all; quick: two")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs/two_stream_hmdb51", type=Path)
    parser.add_argument("--quick", action="store_true", help="tiny networks, one epoch and seed")
    options = parser.parse_args()
    if options.quick:
        options.out /= "quick"

    features, sizes = find_features(options)
    lines = options.lines or list(LINES)[: 2 if options.quick else None]
    table = [row for line in lines for row in run_line(line, features, sizes, options)]
    print()
    print(pd.DataFrame(table).to_string(index=False))
    print(f"\n{FIGURES}")


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"two_stream_hmdb51: {error}") from None
