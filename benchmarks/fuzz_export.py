"""Does any byte string harm a served model, or the good images in the same request?

    python benchmarks/fuzz_export.py

Exports a network whose answer is what it sees (8 x 8 pixels), and LowNet, and sends both 10,000
cases through `image_bytes`: good files of 19 kinds, files that were cut, changed or given other
sizes, and byte strings that never were images, 28 a request with four good images among them; then
a thousand clips, half of them with one such frame, through `clip_bytes`. No request may fail.
Whatever is certainly no image must answer `ok = false`, and so must what other decoders refuse (PIL
and NumPy); good files must give the pixels that those read. The four good images of each request
must be answered, bit for bit, as among good ones alone.

Columns: cases, those that the model reads (`ok`) and that the reference reads, those that only one
of them reads, and where both do, how many differ by more than 3 / 255 after averaging to 8 x 8.
Exit status 1 if something is not as it must be. `--quick` takes a tenth of it.

Measured on two cores of an EPYC, 2026-11-22, in one and a half minutes of processor time: 10,024
cases and 1,008 clips, no failed request and no changed neighbour; the 709 good files and 691 with
bytes behind the end were all read, with the same pixels, and none of the 3,905 that are certainly
no image. Of the 4,719 changed files 1,003 were read by the model and 1,113 by the reference: 121 by
the reference alone (mostly BMP and GIF with bytes inserted, PNG cut in its last bytes) and 11 by
the model alone (GIF with broken compressed data, JPEG with a damaged start).
97 were read differently: 86 GIF whose canvas is not that of the image, which PIL fills with a
colour or cuts, and 11 JPEG, mostly with a damaged CMYK or EXIF marker. The slowest request took
0.15 s; the process had 1.1 GB at most, TensorFlow included.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from fuzz_cases import CHANGES, good_file, make_case, reference

import mtl_lowres as mtl
from mtl_lowres.data.decode import MAX_PIXELS
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.registry import TRUNKS

SIDE, FRAMES = 8, 3
RECIPE = f"area({SIDE})"
CASES_A_REQUEST, GOOD_A_REQUEST = 28, 4
CLOSE = 3 / 255


def what_is_seen(input_shape):
    """Build a trunk whose features are its input."""
    inputs = tf.keras.Input(input_shape, name="seen_input")
    return tf.keras.Model(inputs, tf.keras.layers.Flatten(name="seen_values")(inputs))


def serve(folder: Path, trunk: str, shape: tuple[int, ...]) -> Callable:
    """Export an untrained network and return its signature for encoded items."""
    tf.keras.utils.set_random_seed(0)
    heads = {"features": mtl.heads.Embedding()}
    model = mtl.build_model(trunk, heads, shape, degrade=RECIPE)
    loaded = tf.saved_model.load(str(mtl.export(model, folder)))
    name = "image_bytes" if len(shape) == 3 else "clip_bytes"
    signature = loaded.signatures[name]

    def answer(items) -> tuple[np.ndarray, np.ndarray]:
        answers = signature(**{name: tf.constant(items)})
        assert loaded  # the signature alone does not keep its variables
        return answers["features_embedding"].numpy(), answers["ok"].numpy()

    return answer


class Neighbours:
    """Good items at the same places of every request, and their answers among good ones.

    Args:
        answer: of `serve`.
        good: the good items.
        cases: how many others a request has.
    """

    def __init__(self, answer: Callable, good: list, cases: int):
        self._answer, self._good = answer, good
        self._places = np.linspace(0, len(good) + cases - 1, len(good)).astype(int)
        outputs, ok = answer(self._among([good[0]] * cases))
        self._expected = outputs[self._places]
        if not ok.all():
            raise SystemExit("a good item was refused")

    def _among(self, cases: list) -> list:
        items = list(cases)
        for place, item in zip(self._places, self._good, strict=True):
            items.insert(place, item)
        return items

    def ask(self, cases: list) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return outputs and ok of the cases, and whether the good ones are answered as ever."""
        outputs, ok = self._answer(self._among(cases))
        same = np.array_equal(outputs[self._places], self._expected) and ok[self._places].all()
        rest = np.setdiff1d(np.arange(len(ok)), self._places)
        return outputs[rest], ok[rest], bool(same)


def count_case(counts: Counter, category: str, output, ok: bool, expected) -> None:
    """Count one case: what the model saw of it, beside what the reference reads."""
    counts["cases"] += 1
    counts["ok"] += int(ok)
    counts["reference"] += expected is not None
    counts["only ours"] += bool(ok) and expected is None
    counts["only reference"] += not ok and expected is not None
    if ok and expected is not None:
        low = parse_recipe(RECIPE)(tf.constant(expected)).numpy()
        counts["differ"] += bool(np.abs(output.reshape(low.shape) - low).max() > CLOSE)
    if ok and not (np.isfinite(output).all() and output.min() >= 0 and output.max() <= 1):
        counts["out of range"] += 1
    certainly_bad = CHANGES[category][1]
    counts["wrong"] += (bool(ok) and certainly_bad) or (not ok and category == "untouched")


def fuzz_images(seen: Neighbours, lownet: Neighbours, requests: int, seed: int) -> dict:
    """Send image cases; return the counts by category and by kind where readers disagree."""
    counts = {category: Counter() for category in CHANGES}
    disagreements, changed, slowest = Counter(), 0, 0.0
    for request in range(requests):
        random = np.random.default_rng([seed, request])
        cases = [make_case(random) for _ in range(CASES_A_REQUEST)]
        started = time.perf_counter()
        outputs, ok, same = seen.ask([data for _, _, data in cases])
        slowest = max(slowest, time.perf_counter() - started)
        _, ok_of_lownet, same_of_lownet = lownet.ask([data for _, _, data in cases])
        changed += (not same) + (not same_of_lownet) + (not np.array_equal(ok, ok_of_lownet))
        for (category, kind, data), output, fine in zip(cases, outputs, ok, strict=True):
            own, before = counts[category], Counter(counts[category])
            count_case(own, category, output, fine, reference(data, MAX_PIXELS))
            for what in ("only ours", "only reference", "differ"):
                if own[what] > before[what]:
                    disagreements[f"{category}, {kind}: {what}"] += 1
    return {
        "categories": {name: dict(own) for name, own in counts.items()},
        "disagreements": dict(disagreements.most_common()),
        "neighbours_changed": changed,
        "slowest_request_seconds": slowest,
    }


def fuzz_clips(images: Callable, clips: Neighbours, requests: int, seed: int) -> dict:
    """Send clips, half of them with one case as a frame; each must be ok if all its frames are."""
    wrong = changed = bad = 0
    for request in range(requests):
        random = np.random.default_rng([seed, 1, request])
        cases = []
        for _ in range(CASES_A_REQUEST):
            frames = [good_file(random)[1] for _ in range(FRAMES)]
            if random.random() < 0.5:
                frames[random.integers(FRAMES)] = make_case(random)[2]
            cases.append(frames)
        expected = images(sum(cases, []))[1].reshape(-1, FRAMES).all(axis=1)
        _, ok, same = clips.ask(cases)
        wrong += int((ok != expected).sum())
        bad += int((~expected).sum())
        changed += not same
    cases = requests * CASES_A_REQUEST
    return {"cases": cases, "bad": bad, "wrong": wrong, "neighbours_changed": changed}


def main() -> None:
    """Send everything, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--json", default="fuzz_export.json")
    options = parser.parse_args()
    share = 10 if options.quick else 1
    TRUNKS.register("what_is_seen")(what_is_seen)
    random = np.random.default_rng([options.seed, 2])
    good = [good_file(random)[1] for _ in range(GOOD_A_REQUEST * FRAMES)]
    with tempfile.TemporaryDirectory() as folder:
        image, clip = (SIDE, SIDE, 3), (FRAMES, SIDE, SIDE, 3)
        images = serve(Path(folder, "seen"), "what_is_seen", image)
        answers = (images, serve(Path(folder, "lownet"), "lownet", image))
        asked = [Neighbours(answer, good[:GOOD_A_REQUEST], CASES_A_REQUEST) for answer in answers]
        requests = -(-options.cases // share // CASES_A_REQUEST)
        result = {"images": fuzz_images(*asked, requests, options.seed)}
        of_clips = serve(Path(folder, "clips"), "what_is_seen", clip)
        good_clips = [good[i : i + FRAMES] for i in range(0, len(good), FRAMES)]
        neighbours = Neighbours(of_clips, good_clips, CASES_A_REQUEST)
        requests = -(-options.clips // share // CASES_A_REQUEST)
        result["clips"] = fuzz_clips(images, neighbours, requests, options.seed)
    result["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(result)
    Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.exit(is_wrong(result))


def report(result: dict) -> None:
    """Print what was found."""
    images, clips = result["images"], result["clips"]
    columns = ("cases", "ok", "reference", "only ours", "only reference", "differ", "wrong")
    print(f"{'category':24}" + "".join(f"{name:>16}" for name in columns))
    total = Counter()
    for category, own in images["categories"].items():
        total.update(own)
        print(f"{category:24}" + "".join(f"{own.get(name, 0):16}" for name in columns))
    print(f"{'all':24}" + "".join(f"{total[name]:16}" for name in columns))
    for what, count in images["disagreements"].items():
        print(f"  {count:4} {what}")
    print(f"answers out of range: {total['out of range']}")
    print(f"requests in which good neighbours changed: {images['neighbours_changed']}")
    print(f"clips: {clips}")
    print(f"slowest request of {CASES_A_REQUEST + GOOD_A_REQUEST}: ", end="")
    print(f"{images['slowest_request_seconds']:.2f} s; peak {result['peak_memory_mb']:.0f} MB")


def is_wrong(result: dict) -> bool:
    """Return whether something is not as it must be."""
    categories = result["images"]["categories"]
    certain = any(own.get("wrong", 0) + own.get("out of range", 0) for own in categories.values())
    untouched = categories["untouched"].get("differ", 0)
    parts = result["images"], result["clips"]
    changed = any(part["neighbours_changed"] for part in parts)
    return bool(certain or untouched or changed or result["clips"]["wrong"])


if __name__ == "__main__":
    main()
