"""Age, gender and race on UTKFace at every resolution from one network.

The thesis network (Tandia, NYCU) answers the three from 198x198 pixels after training on all of
UTKFace. Here one network with a face embedding as its pretrained start is trained on images of
changing resolution, so that it answers at full size and at 64, 32, 16 and 8 pixels.

    python experiments/mtdnn_utkface.py --data path/to/utkface --faces path/to/face_resnet

`--faces` is the folder of `face_embedding_uint8.npz`. `--table ages` compares the age methods on
the validation images; `--quick` trains for one epoch with one seed. Runs are resumed: start the
same command again after an interruption.

Protocol: a random 70/10/20 split of the images (NumPy's generator with seed 0 permutes the sorted
names; people are not known). Settings, age method and epoch are chosen on the validation images;
the test images are read once, at the end. All ages (1 to 116) are kept.
"""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.evaluation import format_mean_std, summarise_seeds
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.evaluate import Evaluator
from mtl_lowres.training.run import train

SIDE = 134  # of what the network sees, about a face embedding's scale; files have 200
SIZES = {"full": f"area({SIDE})"} | {
    str(side): f"area({side})|bicubic({SIDE})" for side in (64, 32, 16, 8)
}
ALL_SIZES = f"pick_size({SIDE}, {SIDE}, 64, 32, 16, 16, 16, 8)|bicubic({SIDE})"
AGE_METHODS = {
    "mean_variance": "age(method='mean_variance')",
    "label_diversity": "age(method='label_diversity')",
    "label_distribution": "age(method='label_distribution', label_spread=3)",
    "coral": "age(method='coral', answer='mean')",
    "dex": "age(method='dex')",
    "mse": "age(method='mse')",
}
FACES = TrainConfig(
    tasks=("age", "gender", "race"),
    heads={
        "age": AGE_METHODS["label_distribution"],
        "gender": "attribute(label_smoothing=0.1)",
        "race": "attribute(label_smoothing=0.1)",
    },
    degrade=ALL_SIZES,
    augment="flip(0.5, at='hr')|shift(6, at='hr')|rotate(8, at='hr')|scale(0.08, at='hr')"
    "|contrast(0.2)|brightness(0.1, per_channel=True)",
    weighting="fixed(age=2.5, gender=1, race=1)",
    optimizer="adamw",
    learning_rate=3e-3,
    trunk_pace=0.1,
    clip_norm=5.0,
    warmup_epochs=0.5,
    weight_decay=0.05,
    ema=0.99,
    batch_size=32,
    epochs=8,
    cache="none",
)
PUBLISHED = "published, thesis, all of UTKFace, its own 49/21/30 split: 4.98 years, 93.0 %, 87.0 %"


def with_trunk(config: TrainConfig, faces: str) -> TrainConfig:
    """Return the settings with the face embedding of a folder as the trunk's start."""
    trunk = (
        f"face_resnet(weights={str(Path(faces).resolve())!r}, features='pooled', "
        "trainable_from='conv64_down', dropout=0.3, mirrored_views=True)"
    )
    return dataclasses.replace(config, trunk=trunk)


def figures_at(run_dir: Path, rows: pd.DataFrame, degrade: str) -> dict[str, float]:
    """Return the figures of a trained network on rows brought down by a recipe."""
    model = mtl.load_model(run_dir / "model")
    tasks = Evaluator(rows, degrade, batch_size=64, cache="none").metrics(model, bootstrap=0)
    return {
        "age mae_years": tasks["age"]["mae_years"],
        "age cs@5": tasks["age"]["cs@5"],
        "gender accuracy": tasks["gender"]["accuracy"],
        "race accuracy": tasks["race"]["accuracy"],
    }


def sizes_table(config: TrainConfig, manifest: pd.DataFrame, out: Path, seeds: int) -> pd.DataFrame:
    """Train with several seeds and return the test figures at every size."""
    test = manifest[manifest["split"] == "test"]
    figures = {size: [] for size in SIZES}
    for seed in range(seeds):
        run_dir = out / f"seed-{seed}"
        run = train(dataclasses.replace(config, seed=seed), manifest, run_dir, progress=True)
        for size, degrade in SIZES.items():
            figures[size].append(figures_at(run_dir, test, degrade))
    return pd.DataFrame(
        {"size": size, "parameters": run["parameters"]}
        | {name: format_mean_std(value) for name, value in summarise_seeds(runs).items()}
        for size, runs in figures.items()
    )


def ages_table(config: TrainConfig, manifest: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Train once with every age method and return the validation figures."""
    lines = []
    held_in = manifest[manifest["split"] != "test"]
    held_in.attrs = manifest.attrs
    for method, head in AGE_METHODS.items():
        heads = config.heads | {"age": head}
        run_dir = out / "ages" / method
        train(dataclasses.replace(config, heads=heads), held_in, run_dir, progress=True)
        rows = held_in[held_in["split"] == "val"]
        figures = {
            f"{name}, {size}": value
            for size in ("full", "16")
            for name, value in figures_at(run_dir, rows, SIZES[size]).items()
        }
        lines.append({"method": method, **figures})
    return pd.DataFrame(lines).round(4)


def main():
    """Run one table and print it beside the published figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of UTKFace's images")
    parser.add_argument("--faces", required=True, help="folder of face_embedding_uint8.npz")
    parser.add_argument("--table", choices=["sizes", "ages"], default="sizes")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=FACES.epochs)
    parser.add_argument("--out", default="runs/mtdnn_utkface", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed")
    options = parser.parse_args()

    manifest = mtl.read_dataset("utkface", options.data)
    out = options.out / "quick" if options.quick else options.out
    epochs = 1 if options.quick else options.epochs
    config = dataclasses.replace(with_trunk(FACES, options.faces), epochs=epochs)
    if options.table == "ages":
        table = ages_table(config, manifest, out)
    else:
        table = sizes_table(config, manifest, out / "sizes", 1 if options.quick else options.seeds)
    table.to_csv(out / f"{options.table}.csv", index=False)
    print(table.to_string(index=False))
    print(PUBLISHED)


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"mtdnn_utkface: {error}") from None
