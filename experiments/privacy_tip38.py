"""What a 16x16 thermal image gives away: posture of strangers against identity of known people.

LowNet (Gochoo et al., ICIP 2020) calls images of 16x16 pixels privacy preserving. This measures it:
at each resolution one network answers the posture of people it has never seen, and an attacker
names known people in postures it has never seen of anybody. Nothing of the kind is published.

    python experiments/privacy_tip38.py --data path/to/tip38

`--quick` trains for one epoch, with one seed and at 16 and 4 pixels, in about a minute. The whole
takes about 40 minutes on one core, with `TF_ENABLE_ONEDNN_OPTS=1`. Runs are resumed: start the same
command again after an interruption. `privacy.html` in the folder of the runs has the curves.

Protocol:

- posture: trained on the released training people, tested once on the 5 others. Settings are
  those of steadynet in `lownet_tip38.py`, chosen on held-out training people; the last epoch.
- identity: the training people. 6 of the 38 postures choose the attacker's settings and its epoch
  and are never tested; the other 32 are dealt to three folds. Seed s trains on two of them and is
  tested on the third, so that three seeds test every posture once. All images of a posture, of all
  its versions, are on one side.
- duplicates: the images of people 110 and 113 are the same recordings (159 are the same to the
  byte), and count as one person: 17 people, not 18. Each image counts once (160 copies are left
  out). 15 images are filed under two other people each (106 and 107, 116 and 117, 105 and 106) and
  are left out. `--keep-copies` takes the rows as they are, with 18 people, of whom two cannot be
  told apart.
- images of 8 and 4 pixels are enlarged again to 16 (`area(4, 4)|bicubic(16, 16)`), so that the same
  layout serves all; no detail comes back by that.
- intervals: 95 %, redrawn over the 5 test people for posture and over the 32 tested postures for
  identity. They do not cover other attackers: a better one may find more.
- TIP38 does not say which images were taken on one day, so an attacker may know a person by the day
  (warmth of the room, place of the camera) as well as by the body. Both are what the images give
  away of a known person; who would be recognised on another day, these images cannot tell.

Measured, three seeds, mean ± deviation, steadynet for both (349,342 parameters with the head of
posture):

    pixels  posture macro_f1   95 %         chance  rank1_unseen_posture  95 %         chance
    16x16   0.931 ± 0.007     0.900-0.960   0.026   0.813 ± 0.040         0.782-0.844   0.059
    8x8     0.786 ± 0.001     0.697-0.868   0.026   0.797 ± 0.055         0.762-0.832   0.059
    4x4     0.482 ± 0.010     0.388-0.560   0.026   0.598 ± 0.082         0.551-0.649   0.059

The attacker does not fall to chance: at 4x4 pixels it still names ten times as many images right as
guessing would, while posture has lost half of its score. Going from 16 to 8 pixels costs 0.15 of
posture and hardly any identity. Each seed is tested on other postures of the known people.
"""

import argparse
import dataclasses
from pathlib import Path

import mtl_lowres as mtl
from mtl_lowres.evaluation.privacy import privacy_text
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.privacy import measure_privacy

USEFUL = TrainConfig(
    tasks=("posture",),
    trunk="steadynet",
    heads={"posture": "posture(loss='nll', label_smoothing=0.1)"},
    degrade="area(16)|gray()",
    augment="nearest|shift(1)|rotate(8)|scale(0.1)|aspect(0.1)"
    "|gain(0.3)|brightness(0.1)|noise(0.02, per_channel=True)|mixup(0.2)",
    optimizer="adamw",
    learning_rate=2e-3,
    warmup_epochs=3,
    weight_decay=0.02,
    batch_size=64,
    epochs=30,
    val=0,
)
# Warmth and build tell people apart, so the attacker is not made blind to them by augmentation.
ATTACKER = dataclasses.replace(
    USEFUL,
    tasks=("identity",),
    heads={"identity": "identity(label_smoothing=0.1)"},
    augment="nearest|shift(1)|noise(0.02, per_channel=True)|mixup(0.2)",
    epochs=25,
)
SIZES = [(16, 16), (8, 8), (4, 4)]


def main():
    """Measure both networks at each resolution and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of TIP38 (training/, testing/)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep-copies", action="store_true", help="18 people, all rows")
    parser.add_argument("--out", default="runs/privacy_tip38", type=Path)
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed, two sizes")
    options = parser.parse_args()

    useful, attacker, sizes, seeds = USEFUL, ATTACKER, SIZES, options.seeds
    if options.quick:
        useful, attacker = (
            dataclasses.replace(config, epochs=1, warmup_epochs=0) for config in (useful, attacker)
        )
        sizes, seeds = SIZES[::2], 1
    folder = "quick" if options.quick else "copies-kept" if options.keep_copies else "full"
    result = measure_privacy(
        useful,
        attacker,
        mtl.read_dataset("tip38", options.data),
        options.out / folder,
        sizes,
        seeds=seeds,
        join_people=not options.keep_copies,
        progress=True,
    )
    print(privacy_text(result))
    print(f"curves: {options.out / folder / 'privacy.html'}")


if __name__ == "__main__":
    try:
        main()
    except mtl.InputError as error:
        raise SystemExit(f"privacy_tip38: {error}") from None
