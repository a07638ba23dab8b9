"""The report of a run folder, with example images seen at high and at low resolution."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.clips import ClipSampling, parse_clip
from mtl_lowres.data.decode import decode_image
from mtl_lowres.data.degrade import parse_recipe, sample_seed
from mtl_lowres.data.packed import read_contents
from mtl_lowres.data.video import read_frames
from mtl_lowres.errors import InputError
from mtl_lowres.report.html import pick_examples, write_report

_FRAMES_SHOWN = 4


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
    if predictions.exists() and settings["degrade"]:  # stored features have no picture
        table = pd.read_csv(predictions, dtype=str, keep_default_na=False)
        # The last split written is the test split where there is one.
        chosen = pick_examples(table, settings["tasks"][0], table["split"].iloc[-1])
        examples = _with_images(chosen, settings["degrade"], settings.get("clip"))
    return write_report(run_dir, examples=examples or None)


def _with_images(chosen: pd.DataFrame, degrade: str, clip: str | None) -> list[dict]:
    """Add to the chosen rows the image as it is and as the network sees it."""
    recipe = parse_recipe(degrade)
    sampling = parse_clip(clip) if clip else None
    examples = []
    for number, row in enumerate(chosen.to_dict("records")):
        seed = sample_seed(0, 0, number)
        try:
            if sampling:
                high = _read_clip(row, sampling, number)
                low = recipe.clip(high, seed)
            else:
                high = decode_image(read_contents(row["path"]))
                low = recipe(high, seed)
        except (tf.errors.OpError, ValueError, OSError):
            continue  # The file has gone since the run; the figures stand without its picture.
        examples.append(row | {"high": _to_bytes(high), "low": _to_bytes(low)})
    return examples


def _read_clip(row: dict, sampling: ClipSampling, seed: int) -> tf.Tensor:
    """Return the frames that the network saw, float32 [t, h, w, 3] in [0, 1]."""
    start, stop = (int(float(row[name])) if row.get(name) else None for name in ("start", "stop"))
    frames = read_frames(row["path"], start, stop, lambda count: sampling.indices(count, seed))
    return tf.image.convert_image_dtype(frames, tf.float32)


def _to_bytes(image: tf.Tensor) -> np.ndarray:
    """Return uint8 [h, w, 3]; of a clip, frames from its first to its last side by side."""
    pixels = np.rint(image.numpy() * 255).astype(np.uint8)
    if pixels.ndim == 4:
        places = np.linspace(0, len(pixels) - 1, min(_FRAMES_SHOWN, len(pixels))).round()
        pixels = np.hstack(pixels[places.astype(int)])
    return pixels
