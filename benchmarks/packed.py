"""How long does an epoch from 20,000 small files take, and from shards that `pack` made of them?

    python benchmarks/packed.py --data faces/

Goes through all images without a cache of ours, in a shuffled order, in alternation from the files
and from the shards: first cold, the operating system having been asked to forget the pages of just
these files (Linux does; where that is not possible, cold equals warm), then warm. Medians of the
seconds on the clock. Two idle cores; about three minutes; `--quick` takes 2,000 files.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import mtl_lowres as mtl
from mtl_lowres.data.packed import file_of
from mtl_lowres.data.packing import pack_images

OPTIONS = {"cache": "none", "fast_decode": True, "batch_size": 256, "training": True}


def write_files(data: str | None, folder: Path, count: int) -> pd.DataFrame:
    """Copy JPEGs below `data`, again and again, or draw some; return a manifest of `count`."""
    sources = sorted(Path(data).rglob("*.jp*g"))[:count] if data else []
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number:05}.jpg"
        path.parent.mkdir(exist_ok=True)
        if sources:
            shutil.copy(sources[number % len(sources)], path)
        else:
            coarse = rng.integers(0, 255, (25, 25, 3), np.uint8)
            cv2.imwrite(str(path), cv2.resize(coarse, (200, 200)))
        paths.append(str(path))
    return pd.DataFrame({"path": paths})


def forget(manifest: pd.DataFrame) -> None:
    """Ask the operating system to drop the pages of the files from memory."""
    os.sync()
    for path in {file_of(path) for path in manifest["path"]}:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def epoch(dataset) -> float:
    """Return the seconds of an epoch."""
    start = time.perf_counter()
    for _ in dataset:
        pass
    return time.perf_counter() - start


def main() -> None:
    """Measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of small JPEGs; default: generated ones")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="2,000 files, twice")
    parser.add_argument("--json", default="packed_benchmark.json")
    options = parser.parse_args()
    count, repeats = (2_000, 2) if options.quick else (options.files, options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "files").mkdir()
        files = write_files(options.data, Path(folder) / "files", count)
        start = time.perf_counter()
        packed = pack_images(files, Path(folder) / "packed")
        seconds = {"pack": [time.perf_counter() - start]}
        for _ in range(repeats):
            for name, manifest in (("files", files), ("shards", packed)):
                dataset = mtl.make_dataset(manifest, **OPTIONS)
                forget(manifest)
                for state in ("cold", "warm"):
                    seconds.setdefault(f"{name}, {state}", []).append(epoch(dataset))
    rows = [
        {"what": name, "seconds": np.median(times), "images_a_second": count / np.median(times)}
        for name, times in seconds.items()
    ]
    print(pd.DataFrame(rows).round(1).to_string(index=False))
    result = {"files": count, "repeats": repeats, "rows": rows}
    Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
