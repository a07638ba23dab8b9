"""What do memory and time of an epoch come to as a manifest grows to a million rows?

    python benchmarks/many_rows.py

Manifests of 10^4, 10^5 and 10^6 rows name 200 small files, each manifest in a process of its own:
read the CSV, check it, fill a cache with 8x8 images, and go through two shuffled epochs in batches
of 256; then the same without a cache, of which only the first 20 batches are read. Memory is what
the process holds after each step beyond what it held before the first, and the most that it ever
held. The limit is what has to be there: 768 bytes of pixels, a label, its weight and a row number,
784 bytes a row; a manifest in pandas is on top of that. Two idle cores; about three minutes;
`--quick` stops at 3 x 10^4.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

import pandas as pd

FILES, SIDE, BATCH = 200, 8, 256
STREAMED_BATCHES = 20
LIMIT = SIDE * SIDE * 3 * 4 + 4 + 4 + 8


def memory(kind: str = "VmRSS") -> float:
    """Return what the process holds now (VmRSS), or held at most (VmHWM), in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * float(next(line for line in lines if line.startswith(kind)).split()[1])


def write_data(folder: Path, rows: list[int]) -> None:
    """Write the small files, and a manifest for each number of rows."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for number in range(FILES):
        cv2.imwrite(str(folder / f"{number:05}.jpg"), rng.integers(0, 255, (16, 16, 3), np.uint8))
    for count in rows:
        number = np.arange(count)
        paths = [f"{file:05}.jpg" for file in number % FILES]
        table = pd.DataFrame({"path": paths, "posture": number % FILES % 10, "split": "train"})
        table.to_csv(folder / f"{count}.csv", index=False)


def measure(csv: Path, cache: str) -> dict:
    """Return seconds and bytes of each step for one manifest."""
    import mtl_lowres as mtl
    from mtl_lowres.data.manifest import check_manifest

    options = {"degrade": f"area({SIDE})", "batch_size": BATCH, "training": True, "cache": cache}
    # What a first dataset prepares for all is not of interest here.
    small = mtl.read_manifest(csv).head(BATCH)
    for _ in mtl.make_dataset(small, ["posture"], **options):
        pass
    before, state, result = memory(), {}, {}

    def read():
        state["rows"] = mtl.read_manifest(csv)

    def check():
        check_manifest(state["rows"], tasks=["posture"], files=False)

    def make():
        state["dataset"] = mtl.make_dataset(state["rows"], ["posture"], **options)

    def epoch():
        batches = state["dataset"].take(STREAMED_BATCHES if cache == "none" else -1)
        for _ in batches:
            pass

    steps = {"read_csv": read, "check": check, "make": make, "epoch": epoch, "epoch_2": epoch}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        result[f"{name}_s"] = time.perf_counter() - start
        result[f"{name}_bytes"] = memory() - before
    count = len(state["rows"])
    result["bytes_a_row"] = result["epoch_2_bytes"] / count
    result["most_bytes_a_row"] = (memory("VmHWM") - before) / count
    result["of_which_manifest"] = result["check_bytes"] / count
    return {"rows": count, "cache": cache, **result}


def main() -> None:
    """Measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to 3 x 10^4 rows")
    parser.add_argument("--json", default="many_rows_benchmark.json")
    options = parser.parse_args()
    counts = [10**4, 3 * 10**4] if options.quick else [10**4, 10**5, 10**6]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), counts)
        for cache in ("memory", "none"):
            for count in counts:
                # Started anew, as memory that was freed still counts as held.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    arguments = (Path(folder) / f"{count}.csv", cache)
                    results.append(pool.apply(measure, arguments))
                print(f"{count} rows, cache={cache!r}: done", flush=True)
    table = pd.DataFrame(results)
    names = [name for name in table if name.endswith("_s") or not name.endswith("_bytes")]
    print(table[names].round(2).to_string(index=False))
    print(f"the limit of a cached row: {LIMIT} bytes")
    result = {"limit_bytes_a_row": LIMIT, "results": results}
    Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
