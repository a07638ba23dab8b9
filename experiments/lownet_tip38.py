"""LowNet and its rivals on TIP38: 38 yoga postures in 16x16 thermal images.

Reproduces the tables of "LowNet: Privacy Preserved Ultra-Low Resolution Posture Image
Classification" (Gochoo et al., ICIP 2020) on the authors' released images, and our own trunk.

    python experiments/lownet_tip38.py --data path/to/tip38 --table ours --out runs/lownet_tip38

Two protocols, printed with every figure:

- honest: settings and epochs are chosen on held-out people among the 18 training people, the
  network is trained again on all 18, and the 5 test people are read once.
- paper: the epoch is chosen on the test people, as the released program does. It flatters.

Measured on two CPU cores (macro-F1 of the 5 test people, mean ± deviation):

RESULTS_PLACEHOLDER

`--quick` runs every line of the chosen table for one epoch and one seed in about a minute.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.evaluation.classification import summarise_seeds
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

LOWNET = TrainConfig(
    tasks=("posture",),
    trunk="lownet",
    heads={"posture": "posture(loss='focal_kl', alpha=0.5, beta=1.0)"},
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    batch_size=128,
    epochs=40,
    val=0,
)
