"""The report of a run folder, with example images seen at high and at low resolution."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.decode import decode_image
from mtl_lowres.data.degrade import parse_recipe, sample_seed
from mtl_lowres.errors import InputError
from mtl_lowres.report.html import pick_examples, write_report


def report_run(run_dir: str | Path) -> Path:
    """Write `report.html` of a finished run and return its path.

    Beside the figures it shows the most confident mistakes and some right answers of the first
    task, each image as it is and as the network sees it.

    Raises:
        InputError: the folder is not that of a finished run.
    """
    run_dir = Path(run_dir)
    config_file = run_dir / "config.json"
    if not config_file.exists():
        raise InputError(f"{run_dir} is not a run folder: it has no config.json")
    settings = json.loads(config_file.read_text(encoding="utf-8"))["settings"]
    predictions = run_dir / "predictions.csv"
    examples = []
    if predictions.exists():
        table = pd.read_csv(predictions, dtype=str, keep_default_na=False)
        # The last split written is the test split where there is one.
        chosen = pick_examples(table, settings["tasks"][0], table["split"].iloc[-1])
        examples = _with_images(chosen, settings["degrade"])
    return write_report(run_dir, examples=examples or None)


def _with_images(chosen: pd.DataFrame, degrade: str) -> list[dict]:
    """Add to the chosen rows the image as it is and as the network sees it."""
    recipe = parse_recipe(degrade)
    examples = []
    for number, row in enumerate(chosen.to_dict("records")):
        try:
            high = decode_image(tf.io.read_file(row["path"]))
        except tf.errors.OpError:
            continue  # The file has gone since the run; the figures stand without its picture.
        low = recipe(high, sample_seed(0, 0, number))
        examples.append(row | {"high": _to_bytes(high), "low": _to_bytes(low)})
    return examples


def _to_bytes(image: tf.Tensor) -> np.ndarray:
    return np.rint(image.numpy() * 255).astype(np.uint8)
