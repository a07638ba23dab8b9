"""A feature transfer behind a trunk of our own: postures at 8 and 4 pixels, no filter retrained.

A network that has learned postures at 16x16 (steadynet, as in `lownet_tip38.py`) is shown thermal
images of 8x8 and 4x4 pixels, enlarged again. Its features of both sizes, without a label, make a
transfer (`feature_transfer.py` has the method); then a new posture head is trained behind the
frozen trunk and the transfer (`TrainConfig.transfer`).

    python experiments/transfer_tip38.py --data path/to/tip38

`--quick` trains for one epoch with one seed. Runs are resumed.

Protocol: the released training people and the 5 test people, whom nothing is chosen by. The
transfer is the kernel regression of `feature_transfer.py` with its settings. "as it is" gives the
small images to the network that was trained at 16x16. The seeds are of all trainings.

Measured, macro-F1 of 38 postures, seed 0 alone (trained at the small size from scratch, three
seeds, `privacy_tip38.py`: 0.786 at 8 pixels, 0.482 at 4):

    pixels   as it is   with a transfer
    16       0.923
    8        0.530      0.735
    4        0.038      0.373
"""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.evaluation import format_mean_std, summarise_seeds
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.training.evaluate import Evaluator
from mtl_lowres.training.transfer import TransferConfig, fit_transfer, save_transfer

HR = "area(16)|gray()"
LOWER = {8: "area(8)|bicubic(16)", 4: "area(4)|bicubic(16)"}
TRAINED = mtl.TrainConfig(
    tasks=("posture",),
    trunk="steadynet",
    heads={"posture": "posture(loss='nll', label_smoothing=0.1)"},
    degrade=HR,
    augment="nearest|shift(1)|rotate(8)|scale(0.1)|aspect(0.1)"
    "|gain(0.3)|brightness(0.1)|noise(0.02, per_channel=True)|mixup(0.2)",
    learning_rate=2e-3,
    warmup_epochs=3,
    weight_decay=0.02,
    epochs=30,
    val=0,
)
TRANSFER = TransferConfig(fc1=2048, target="features", power=0.5, solver="kernel")


def posture_score(model: MultiTaskModel, test: pd.DataFrame, degrade: str) -> float:
    """Return the macro-F1 of postures on images of a recipe."""
    return Evaluator(test, degrade, batch_size=256).metrics(model, bootstrap=0)["posture"][
        "macro_f1"
    ]


def measure(options, seed: int, epochs: int) -> dict[str, float]:
    """Train and measure everything with one seed."""
    manifest = mtl.read_dataset("tip38", options.data)
    train, test = (manifest[manifest["split"] == split] for split in ("train", "test"))
    out = options.out / f"seed-{seed}"
    trained = dataclasses.replace(
        TRAINED, seed=seed, epochs=epochs, warmup_epochs=min(3, epochs // 2)
    )
    mtl.train(trained, train, out / "at-16")
    network = mtl.load_model(out / "at-16")
    figures = {"16 px": posture_score(network, test, HR)}
    store = mtl.extract_features(
        network, train, out / "features", hr=HR, degrade=list(LOWER.values()), batch_size=256
    )
    for side, recipe in LOWER.items():
        figures[f"{side} px as it is"] = posture_score(network, test, f"{HR}|{recipe}")
        config = dataclasses.replace(TRANSFER, seed=seed)
        transfer = fit_transfer(store.hr, store.lr[recipe], config)
        save_transfer(transfer, out / f"transfer-{side}", features=store.settings)
        plugged = dataclasses.replace(
            trained,
            degrade=f"{HR}|{recipe}",
            transfer=str(out / f"transfer-{side}"),
            start=str(out / "at-16"),
            augment="",
            epochs=min(epochs, 10),
        )
        run_dir = out / f"at-{side}"
        mtl.train(plugged, train, run_dir)
        figures[f"{side} px with a transfer"] = posture_score(
            mtl.load_model(run_dir), test, plugged.degrade
        )
    return figures


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of TIP38 (training/, testing/)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs/transfer_tip38", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed")
    options = parser.parse_args()
    epochs, seeds = TRAINED.epochs, options.seeds
    if options.quick:
        options.out, epochs, seeds = options.out / "quick", 1, 1
    runs = [measure(options, seed, epochs) for seed in range(seeds)]
    for name, value in summarise_seeds(runs).items():
        print(f"{name:24}macro-F1 {format_mean_std(value, 3)}")


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"transfer_tip38: {error}") from None
