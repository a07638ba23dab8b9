"""What high resolution in training is worth at 16x12 and 8x6 pixels: coupling, and many views.

    python experiments/coupling_people.py --seeds 3

Draws clips of thermal people (see `mtl_lowres/datasets/people_clips.py`, here 2,000 of 32x32
pixels), learns which of ten actions they do, and is tested at the low resolution on people never
seen. The network is a narrow `clipnet` on eight frames, appearance alone. Low and high resolution
enter at one size, 24x24 for 16x12 and 16x16 for 8x6; the high one is the clip at that size.

Samples are counted alike: with two samples a row (high and low resolution, or two views) a step
sees 32 rows, an epoch is 40 steps, and there are eight; the low resolution alone is also trained
with 64 rows a step and twice the epochs, which is as many steps of as many samples, but each low-
resolution sample is met twice as often. The epoch is chosen on validation people.

Measured (1,277 clips of 166 people to train, 203 and 200 of 37 each to choose and to test; macro-F1
of the test people, mean ± deviation of the seeds; chance 0.100):

                                  16x12            8x6
    LR alone, 8 epochs            0.858 ± 0.004    0.777 ± 0.007
    LR alone, twice the epochs    0.904 ± 0.036    0.836 ± 0.014
    HR + LR, fully coupled        0.911 ± 0.018    0.791 ± 0.010
    HR + LR, semi-coupled         0.886 ± 0.010    0.776 ± 0.024
    two sub-pixel views           0.886 ± 0.011    0.798 ± 0.012
    the same, multi-Siamese       0.871 ± 0.025    0.805 ± 0.033

At 16x12 full coupling gains five points over the same passes through the low resolution alone, and
nothing that three seeds could tell over the same number of steps. At 8x6 it gains one point over
the same passes and loses 4.5 to the same number of steps. Sharing every weight was no worse than
sharing some. Two sub-pixel views gain two to three points over the same passes and lose to the same
number of steps; pulling them together makes no difference that three seeds could tell (-1.5 and
+0.7 points). Eight epochs are few (the low resolution alone gains five points from eight more);
longer training, where it has nothing more to teach, was not measured.

`--quick` trains every line for one epoch on few clips, in about three minutes. Runs are resumed:
start the same command again after an interruption; `--sizes 8x6` trains those alone.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

BASE = TrainConfig(
    tasks=("action",),
    trunk="clipnet(filters=(16, 32, 64), units=64, recurrent_units=48)",
    clip="uniform(8)",
    augment="flip(0.5)|noise(0.02)",
    batch_size=32,
    learning_rate=2e-3,
    warmup_epochs=1,
    epochs=8,
    cache="disk",
)
# Name of the low resolution -> its reduction, and the size at which both resolutions enter.
SIZES = {"16x12": ("area(12, 16)", 24), "8x6": ("area(6, 8)", 16)}
MOTION = "subpixel(shift=2, scale=0.1, degrees=3)"


def lines_of(reduction: str, side: int) -> dict[str, TrainConfig]:
    """Return the settings of every line; a step of all but the first sees 64 clips."""
    low, high = f"{reduction}|bicubic({side})|gray()", f"area({side})|gray()"
    base = dataclasses.replace(BASE, degrade=low)
    coupled = dataclasses.replace(base, coupled=high)
    moved = dataclasses.replace(base, coupled=f"{MOTION}|{low}")
    return {
        "LR alone": base,
        "LR alone, twice the epochs": dataclasses.replace(
            base,
            batch_size=2 * base.batch_size,
            epochs=2 * base.epochs,
            warmup_epochs=2 * base.warmup_epochs,
        ),
        "HR + LR, fully coupled": coupled,
        "HR + LR, semi-coupled": dataclasses.replace(coupled, coupling="semi(0, 0.25, 0.5, 0.75)"),
        "two sub-pixel views": dataclasses.replace(moved, siamese="contrastive(views=2, weight=0)"),
        "the same, multi-Siamese": dataclasses.replace(
            moved, siamese="contrastive(views=2, weight=0.5, margin=1)"
        ),
    }


def main():
    """Train every line at both sizes and print the figures of the test people."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2000, help="clips to draw")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--out", default="runs/coupling_people", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed, few clips")
    options = parser.parse_args()
    out = options.out / "quick" if options.quick else options.out
    samples = 240 if options.quick else options.samples
    manifest = mtl.read_dataset("people", out / "people", samples=samples, size=32, clips=True)
    figures = {}
    for seed in range(1 if options.quick else options.seeds):
        for size in options.sizes:
            for line, config in lines_of(*SIZES[size]).items():
                own = {"seed": seed, "cache_dir": str(out / "images")}
                own |= {"epochs": 1, "warmup_epochs": 0} if options.quick else {}
                config = dataclasses.replace(config, **own)
                folder = out / size / line.replace(" ", "-").replace(",", "") / f"seed-{seed}"
                run = train(config, manifest, folder, progress=True)
                figures.setdefault((size, line), []).append(run["splits"]["test"]["action"])
    table = pd.DataFrame(
        {"size": size, "line": line}
        | {name: _text(runs, name) for name in ("macro_f1", "accuracy")}
        for (size, line), runs in figures.items()
    )
    table.to_csv(out / "coupling.csv", index=False)
    print(table.to_string(index=False))


def _text(runs: list[dict], name: str) -> str:
    values = [run[name] for run in runs]
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"coupling_people: {error}") from None
