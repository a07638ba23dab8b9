"""How much of a trunk's bare speed is left when features are extracted from files?

    python benchmarks/features.py --data scenes6/ --weights efficientnet_lite0/

Feeds EfficientNet-Lite0 at 224 pixels from images in memory (bare) and from JPEGs through
`extract_features`, with the high resolution alone and with one low resolution of the same decode,
alternating in one process, and compares medians. The goal is 80 %. What an extraction takes for a
single batch (graphs to build, a model to save) is its start and shown by itself. On a machine that
does other things too, processor time is the fair measure. With two idle cores a few minutes;
`--quick` takes one.

Measured on two cores of an EPYC, 320 images, three repeats: with the high resolution alone 35.4
images a second against 35.4 of the bare network (99.8 %; 94.7 % by processor time), with one low
resolution beside it 36.8 against 36.6 (100.4 %; 97.9 %).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.heads import Embedding
from mtl_lowres.training.feature_network import FeatureNetwork

HR, LR = "bicubic(224)", "bicubic(16)|bicubic(224)"
BATCH = 32


def timed(action: Callable) -> np.ndarray:
    """Return the wall and the processor time of a call, in seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return np.array([time.perf_counter() - wall, time.process_time() - processor])


def measure(model, manifest: pd.DataFrame, degrade: list[str], repeats: int) -> list[dict]:
    """Return one dict a clock: images a second (of each resolution), their ratio, the start."""
    images = mtl.make_dataset(manifest, hr=HR, degrade=LR, cache="none", batch_size=BATCH)
    sizes = ("hr", "lr")[: 1 + len(degrade)]
    batches = [batch[size] for batch, _, _ in images for size in sizes]
    network = FeatureNetwork(model.trunk)

    def bare():
        for batch in batches:
            network(batch).numpy()

    def extract(rows):
        with tempfile.TemporaryDirectory() as folder:
            mtl.extract_features(model, rows, f"{folder}/store", hr=HR, degrade=degrade)

    timed(bare)  # builds its graph
    actions = (bare, lambda: extract(manifest), lambda: extract(manifest.head(BATCH)))
    times = np.array([[timed(action) for action in actions] for _ in range(repeats)])
    count, passes = len(manifest), len(sizes)
    rows = []
    for clock, (inside, whole, start) in zip(
        ("wall", "processor"), np.median(times, axis=0).T, strict=True
    ):
        bare_speed = passes * count / inside
        steady = passes * (count - BATCH) / (whole - start)
        rows.append(
            {
                "recipes": "hr" if passes == 1 else "hr + 1 lr",
                "clock": clock,
                "bare": bare_speed,
                "extraction": steady,
                "share": steady / bare_speed,
                "start_seconds": start - BATCH * passes / steady,
            }
        )
    return rows


def main() -> None:
    """Measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of images, one folder a class")
    parser.add_argument("--weights", help="of EfficientNet-Lite0; without, random ones")
    parser.add_argument("--images", type=int, default=480)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="96 images, once")
    parser.add_argument("--json", default="features_benchmark.json")
    options = parser.parse_args()
    count, repeats = (96, 1) if options.quick else (options.images, options.repeats)
    manifest = mtl.read_dataset("folder", options.data)
    manifest = manifest.sample(count, random_state=0)
    model = mtl.build_model(
        "backbone", {"embedding": Embedding()}, (224, 224, 3), weights=options.weights
    )
    rows = [row for degrade in ([], [LR]) for row in measure(model, manifest, degrade, repeats)]
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    result = {"images": count, "repeats": repeats, "batch_size": BATCH, "rows": rows}
    Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
