"""SphereNet-20 on the labels of a few people of LFW, with A-Softmax and with AM-softmax.

SphereFace (Liu et al., CVPR 2017) trains SphereNet on half a million faces of 10,572 people at
112x96 and reaches 0.992 on LFW. Here it sees 28x24 pixels and has the 217 people of folds 6 to 10
of View 2 that have four images or more: 1,145 images, aligned by the published five points.

    python experiments/spherenet_lfw.py --lfw lfw

`--quick` trains for one epoch. A run of ten epochs takes about six minutes on one core; runs are
resumed.

Protocol: folds 1 to 5 of View 2, whose people are in no training image; thresholds, and a metric
for joint Bayes, from the other four of these folds; both images of a pair brought down; the
embeddings of an image and its mirror image together.

Measured, 10 epochs, one seed, cosine / joint Bayes:

    AM-softmax   0.779 / 0.785   loss 12.7 to 8.7
    A-Softmax    0.779 / 0.801   loss 5.4 to 3.1, lambda at 41

Both converge. With all 2,100 people of the five folds, most of them in one image, the loss does not
fall in six epochs.
"""

import argparse
import functools
from pathlib import Path

import numpy as np
import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.embed import embed
from mtl_lowres.training.run import train
from mtl_lowres.training.verify import verify_embeddings

TEST_FOLDS = (1, 2, 3, 4, 5)
LOSSES = ("am_softmax", "a_softmax")
IMAGES_A_PERSON = 4
SETTINGS = {
    "tasks": ("identity",),
    "trunk": "spherenet(layers=20)",
    "degrade": "area(28, 24)",
    "augment": "flip(0.5)|rotate(8)|scale(0.1)|aspect(0.07)|shift(0.7)|gamma(0.4)|contrast(0.3)"
    "|brightness(0.08, per_channel=True)",
    "weight_decay": 5e-4,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "clip_norm": 5.0,
    "warmup_epochs": 1,
    "epochs": 10,
    "val": 0,
}


def training_faces(options) -> pd.DataFrame:
    """Return the people of the other folds who have enough images."""
    faces = mtl.read_dataset("lfw", options.lfw, test_folds=TEST_FOLDS, **alignment(options))
    faces = faces[faces["split"] == "train"]
    faces = faces[faces.groupby("subject")["path"].transform("size") >= IMAGES_A_PERSON]
    attrs = {"classes": {"identity": sorted(faces["subject"].unique())}}
    faces = faces.assign(identity=faces["subject"].astype("category").cat.codes.astype("Int64"))
    faces.attrs = attrs
    return faces


def alignment(options) -> dict:
    """Return where LFW's faces are kept as chips of SphereFace's alignment."""
    return {"aligned": options.out / "faces", "aligned_size": (112, 96)}


def measure(run: Path, pairs: pd.DataFrame) -> dict[str, float]:
    """Return the accuracies of a run over the test folds."""
    model = mtl.load_model(run)
    rows, embeddings = embed(model, pairs, model.description["degrade"])
    verify = functools.partial(verify_embeddings, [rows], groups=[TEST_FOLDS], bootstrap=0)
    plain, mirrored = np.split(embeddings, 2, axis=1)
    cosine = verify([embeddings], pairs)
    learned = verify([(plain + mirrored) / 2], pairs, metric="joint_bayes")
    return {"cosine": _accuracy(cosine), "joint Bayes": _accuracy(learned), "auc": cosine["auc"]}


def _accuracy(figures: dict) -> float:
    return next(value for name, value in figures.items() if name.endswith("fold_accuracy"))


def main():
    """Train with both losses and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lfw", required=True, help="folder of LFW with pairs.txt, landmarks.csv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/spherenet_lfw", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch")
    options = parser.parse_args()
    if options.quick:
        options.out = options.out / "quick"

    pairs = mtl.read_dataset("lfw", options.lfw, pairs=True, **alignment(options))
    pairs = pairs[pairs["fold"].isin(TEST_FOLDS)].reset_index(drop=True)
    lines = []
    for loss in LOSSES:
        settings = SETTINGS | {
            "heads": {"identity": f"identity(loss={loss!r})"},
            "seed": options.seed,
            "epochs": 1 if options.quick else SETTINGS["epochs"],
        }
        run = options.out / f"{loss}-seed-{options.seed}"
        train(TrainConfig(**settings), training_faces(options), run, progress=True)
        lines.append({"loss": loss} | measure(run, pairs))
    print(pd.DataFrame(lines).round(4).to_string(index=False))
    print("published: 0.992 with A-Softmax at 112x96, 10,572 people, ten folds")


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"spherenet_lfw: {error}") from None
