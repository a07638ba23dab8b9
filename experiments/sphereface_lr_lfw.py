"""Who is it, from a face of 16 or 8 pixels: students of a high-resolution teacher on LFW.

The published guidance (Garyandtang, Low-Resolution-Face-Recognition-with-SphereFace) teaches a copy
of SphereNet-20 at low resolution by matching the features of the one that sees 112x96. Here dlib's
face network is the teacher, and a network of 0.24 M parameters (`facelet`) learns from it at 16 and
at 8 pixels, from a few thousand faces instead of half a million.

    python experiments/sphereface_lr_lfw.py --lfw lfw --utkface utkface --faces face_resnet

`--faces` is the folder of `face_embedding_uint8.npz`. `--table probes` measures every network over
the published probe sizes, `--networks` and `--halves` pick parts, `--quick` trains for one epoch
with one seed on half a. A student of 16 pixels takes about 11 minutes on one core, and 4 more at 8;
the teacher answers once about four views of each face (6 minutes a half, shared by all seeds and
sizes). "guided, all sizes" takes half an hour a half. Runs are resumed.

Protocol: View 2, ten folds that share no person, chips of 150 pixels aligned by `landmarks.csv`.
Students tested on folds 1 to 5 learn from UTKFace and the LFW people of folds 6 to 10, and the
other way round. (UTKFace does not say who is shown, so a person may be in both sets.) Each fold's
threshold is the best on the other four of its half. Cosine compares the embeddings of an image and
its mirror image; joint Bayes is a metric learned, like the threshold, on the people of the other
four folds, which View 2 allows and the published figures do not do. Both images of a pair are
brought down. Settings were chosen on folds 9 and 10 with students of folds 6 to 8, but for the
number of epochs of "28 epochs" and "all sizes", which was set beforehand to what there was time
for. So the figure to quote at 16 pixels is that of 16 epochs.

Measured, accuracy over the folds (published for 14x16 and 7x8: teacher 0.821 and 0.678, student
0.904 and 0.775, cosine, half a million training faces):

    all ten folds, seed 0            parameters  pixels  cosine  joint Bayes  auc
    teacher                           5,607,488    16    0.859      0.889     0.943
    labels alone, 16 px                 240,449    16    0.756      0.803     0.841
    guided, 16 px                       240,449    16    0.875      0.905     0.951
    guided, 16 px, 28 epochs            240,449    16    0.889      0.914     0.958
    guided, all sizes                 5,607,488    16    0.904      0.918     0.968
    guided, all sizes                             150    0.988      0.988     0.999
    teacher                                         8    0.709      0.780     0.780
    guided, 8 px                        240,449     8    0.797      0.845     0.885

    all ten folds, three seeds
    guided, 16 px                                  16    0.878 ± 0.002  0.907 ± 0.002
    guided, 8 px                                    8    0.800 ± 0.003  0.846 ± 0.002

At full size the teacher has 0.988 (mirrored images; `mtl-lowres verify`), so that one network for
all sizes costs nothing there. The aims of 0.92 at 16 pixels, and of 0.94 with a student of any
size, are missed; that of 0.80 at 8 pixels is reached.

Over the published probe sizes, folds 1 to 5, seed 0, cosine; - was not run:

    pixels         150    50    38    25    21    19    17    15    12    10     8
    teacher          -     -  .980  .950  .924  .907  .883     -     -     -     -
    guided, 16 px .870  .873  .876  .870  .865  .859  .859  .861  .835  .784  .757
    labels alone     -     -  .737  .739     -  .742     -     -  .737     -     -

The student is better than its teacher from 16 pixels down (published: from about 19x22).

Found on the way, validation folds, cosine at 16 pixels (these two folds are easier than the mean,
for the teacher by 1.5 points): a network of 0.19 M parameters from scratch 0.862; `facelet`, which
starts from the teacher's first blocks, 0.892; `face_resnet` on all sizes, 2 epochs, 0.904 at 16 and
0.995 at full size (the teacher: 0.993); ridge regression from the teacher's features of the small
image to its embedding of the large one 0.898. No help: faces blended of two (0.858 against 0.862),
averaging the teacher's answers over views (0.859). More views than four are the next thing to try:
24 epochs after the 28 were worse (folds 1 to 5, nothing was chosen by it).
"""

import argparse
import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.evaluation.sweep import probe_recipe
from mtl_lowres.evaluation.tables import seed_columns
from mtl_lowres.files import kept_json
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.embed import embed
from mtl_lowres.training.run import train
from mtl_lowres.training.verify import verify_embeddings

# Each half of View 2's folds is tested by networks that were trained on the people of the other.
HALVES = {"a": (1, 2, 3, 4, 5), "b": (6, 7, 8, 9, 10)}
FULL = 150
# What the teacher sees changed too; its mirror image it would embed alike, so it is not asked.
FACES = (
    "rotate(8, at='hr')|scale(0.1, at='hr')|aspect(0.07, at='hr')|shift(7, at='hr')"
    "|gamma(0.4, at='hr')|contrast(0.3, at='hr')|brightness(0.08, per_channel=True, at='hr')"
    "|flip(0.5)"
)
# The same for images that are small already.
SMALL_FACES = (
    "flip(0.5)|rotate(8)|scale(0.1)|aspect(0.07)|shift(0.7)|gamma(0.4)|contrast(0.3)"
    "|brightness(0.08, per_channel=True)"
)
COMMON = {"tasks": ("identity",), "clip_norm": 5.0, "warmup_epochs": 1, "val": 0}
GUIDED = COMMON | {"augment": FACES, "weight_decay": 1e-3}
LIGHT = GUIDED | {
    "heads": {"identity": "embedding(width=128)"},
    "teacher_views": 4,
    "cache": "disk",
    "batch_size": 64,
}
LIGHT_16 = LIGHT | {"degrade": "area(16)", "learning_rate": 3e-3}
# Network -> trunk (that takes the weights of the face network) and settings.
NETWORKS = {
    "guided, 16 px": ("facelet", LIGHT_16 | {"epochs": 16}),
    "guided, 16 px, 28 epochs": ("facelet", LIGHT_16 | {"epochs": 28}),
    "guided, 8 px": (
        "facelet",
        LIGHT | {"degrade": "area(8)|bicubic(16)", "learning_rate": 2e-3, "epochs": 6},
    ),
    "labels alone, 16 px": (
        "facelet",
        COMMON
        | {
            "heads": {"identity": "identity(loss='am_softmax', embedding=128)"},
            "degrade": "area(16)",
            "augment": SMALL_FACES,
            "weight_decay": 0.05,
            "learning_rate": 3e-3,
            "epochs": 8,
        },
    ),
    "guided, all sizes": (
        "face_resnet",
        GUIDED
        | {
            "heads": {"identity": "embedding()"},
            "degrade": "pick_size(8, 10, 12, 14, 16, 16, 20, 24, 32, 48, 75, 150, 150)"
            f"|bicubic({FULL})",
            "batch_size": 32,
            "learning_rate": 1.5e-4,
            "epochs": 4,
            "cache": "none",
        },
    ),
}
# Network -> what it starts from.
STARTS = {"guided, 8 px": "guided, 16 px"}
# Pixels a side. The published probes, 96x112 over 1 to 16, for chips that show a face as large.
PROBES = (150, 75, 50, 38, 30, 25, 21, 19, 17, 15, 14, 12, 11, 10, 9, 8)
NATIVE = (16, 8)
PUBLISHED = """Published (cosine, 10 folds, half a million training faces, read off a figure),
teacher / student for 14x16: 96x112 .989/.924; 48x56 .989/.934; 32x37 .983/.928;
24x28 .960/.928; 19x22 .907/.917; 16x19 .860/.913; 14x16 .821/.904; 12x14 .785/.905;
11x12 .764/.898; 10x11 .750/.860; 9x10 .742/.837; 8x9 .727/.829; 7x9 .693/.792; 7x8 .678/.775;
6x7 .698/.761"""


def aligned(options) -> Path:
    """Return where LFW's faces are kept as chips of 150 pixels."""
    return options.out / "faces" / "lfw"


def training_faces(options, half: str, labels: bool) -> pd.DataFrame:
    """Return LFW's people of the other half, and UTKFace, which has no labels of identity."""
    lfw = mtl.read_dataset("lfw", options.lfw, test_folds=HALVES[half], aligned=aligned(options))
    lfw = lfw[lfw["split"] == "train"]
    if labels:
        return lfw
    utkface = mtl.read_dataset(
        "utkface", options.utkface, split=None, aligned=options.out / "faces" / "utkface"
    )
    faces = pd.concat([lfw[["path"]], utkface[["path"]]], ignore_index=True)
    return faces.assign(split="train")


def make_teacher(options) -> Path:
    """Write the face network as the teacher, and return its folder."""
    folder = options.out / "teacher"
    if not folder.exists():
        teacher = mtl.build_model(
            "face_resnet",
            {"identity": mtl.heads.Embedding()},
            (FULL, FULL, 3),
            degrade=f"bicubic({FULL})",
            weights=options.faces,
        )
        mtl.save_model(teacher, folder)
    return folder


def train_network(options, name: str, half: str, seed: int) -> Path:
    """Train one of `NETWORKS` and return its run folder."""
    folder = name.replace(", ", "-").replace(" ", "")  # guided-16px of "guided, 16 px"
    run_dir = options.out / folder / f"{half}-seed-{seed}"
    trunk, settings = NETWORKS[name]
    settings = settings | {"trunk": f"{trunk}(weights={options.faces!r})", "seed": seed}
    guided = name.startswith("guided")
    if guided:
        settings |= {"teacher": str(make_teacher(options)), "cache_dir": str(options.out / "cache")}
    if name in STARTS:
        settings |= {"start": str(train_network(options, STARTS[name], half, seed))}
    if options.quick:
        settings |= {"epochs": 1}
    faces = training_faces(options, half, labels=not guided)
    train(TrainConfig(**settings), faces, run_dir, progress=True)
    return run_dir


def figures_of(runs: Mapping[str, Path], pairs: pd.DataFrame, recipe: str) -> dict[str, float]:
    """Return the accuracies of a network's halves on images of a recipe.

    Args:
        runs: half -> run that is tested on it; one half may be missing.
        pairs: View 2.
        recipe: makes what the network sees.
    """
    folds = [HALVES[half] for half in runs]
    pairs = pairs[pairs["fold"].isin(sum(folds, ()))].reset_index(drop=True)
    rows, embeddings = [], []
    for half, run in runs.items():
        tested = np.flatnonzero(pairs["fold"].isin(HALVES[half]))
        found, vectors = embed(mtl.load_model(run), pairs.iloc[tested], recipe)
        rows.append(tested[found])
        embeddings.append(vectors)
    measure = functools.partial(verify_embeddings, rows, groups=folds, bootstrap=0)
    halves = [np.split(vectors, 2, axis=1) for vectors in embeddings]
    cosine = measure(embeddings, pairs)
    learned = measure([(a + b) / 2 for a, b in halves], pairs, metric="joint_bayes")
    return {
        "cosine accuracy": _accuracy(cosine),
        "auc": cosine["auc"],
        "eer": cosine["eer"],
        "tar@far=1e-2": cosine["tar@far=1e-2"],
        "joint Bayes accuracy": _accuracy(learned),
    }


def _accuracy(figures: dict) -> float:
    return next(value for name, value in figures.items() if name.endswith("fold_accuracy"))


def table_of(
    options, networks: Mapping[str, list[Mapping[str, Path]]], pairs: pd.DataFrame, probes
) -> pd.DataFrame:
    """Return one line a network and probe.

    Args:
        options: of the command line.
        networks: name -> for each seed, half -> run.
        pairs: View 2.
        probes: sides in pixels. None: those of `NATIVE` and the full size for a network that takes
            the full size, and for another what it is made for.
    """
    lines = []
    for name, seeds in networks.items():
        model = mtl.load_model(next(iter(seeds[0].values())))
        own, size = model.description["degrade"], model.description["input_shape"][:2]
        for probe in probes or ([FULL, *NATIVE] if FULL in size else [None]):
            recipe = probe_recipe(probe, "area", own, size) if probe else own
            figures = []
            for seed, runs in enumerate(seeds):
                file = f"figures/{name}/{probe or 'own'}/{'-'.join(runs)}-{seed}.json"
                measure = functools.partial(figures_of, runs, pairs, recipe)
                figures.append(kept_json(options.out / file, measure))
            row = {"network": name, "pixels": probe or "own", **seed_columns(figures, 3)}
            lines.append(row)
    return pd.DataFrame(lines)


def main():
    """Run one table and print it beside the published figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lfw", required=True, help="folder of LFW with pairs.txt, landmarks.csv")
    parser.add_argument("--utkface", required=True, help="folder of UTKFace with landmarks.csv")
    parser.add_argument("--faces", required=True, help="folder of face_embedding_uint8.npz")
    parser.add_argument("--table", choices=["students", "probes"], default="students")
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    halves = {"choices": list(HALVES), "default": list(HALVES)}
    parser.add_argument("--halves", nargs="+", **halves, help="that test folds 1 to 5, 6 to 10")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs/sphereface_lr_lfw", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed, half a")
    options = parser.parse_args()
    options.faces = str(Path(options.faces).resolve())
    if options.quick:
        options.out, options.halves, options.seeds = options.out / "quick", ["a"], 1

    networks = {"teacher": [dict.fromkeys(options.halves, make_teacher(options))]}
    for name in options.networks:
        networks[name] = [
            {half: train_network(options, name, half, seed) for half in options.halves}
            for seed in range(options.seeds)
        ]
    pairs = mtl.read_dataset("lfw", options.lfw, pairs=True, aligned=aligned(options))
    table = table_of(options, networks, pairs, PROBES if options.table == "probes" else None)
    table.to_csv(options.out / f"{options.table}.csv", index=False)
    print(table.to_string(index=False))
    print(PUBLISHED)


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"sphereface_lr_lfw: {error}") from None
