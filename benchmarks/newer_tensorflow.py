"""Does an export answer the same in plain TensorFlow 2.15 and in a newer one?

    python benchmarks/newer_tensorflow.py
    python benchmarks/newer_tensorflow.py --export demo/export/1

Makes a virtual environment with what `peers/tensorflow.txt` pins (TensorFlow 2.21; more than a
gigabyte on disk), and replays every warm-up request of the export there and in the TensorFlow of
this environment. To them it adds one request a signature of encoded items: a JPEG image of 480 x
640 pixels in the first item, and one that cannot be decoded in the second. The processes see
nothing of this package. Each answers twice: by the functions that `tf.saved_model.load` gives, and
by a session with the tensors that the signatures name, which is how TensorFlow Serving runs a
SavedModel. Without `--export` the demo's four-task network is exported first, untrained; with
`--quick` LowNet in its place.

Prints, for each output, the largest difference from TensorFlow 2.15's functions. Texts, classes and
`ok` must be the same, numbers within 1e-5 (times their size, where that is above 1); otherwise the
exit status is 1. Needs the package tensorflow-serving-api, which reads the requests.

Measured 2026-11-22, the trained four-task network of the demo, 8 requests: the largest difference
of TensorFlow 2.21.0 from 2.15.1 was 1.3e-6 (of `age_std_years`; 5.7e-7 of a probability, 6.7e-8 of
an embedding), and texts, classes and `ok` were the same. Of a LowNet with an embedding and a
calibrated threshold, whose `verify` was replayed too, it was 6.6e-7. A session answered as the
functions did, to the bit.
"""

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from side_by_side import ENVIRONMENTS, peer_python
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import prediction_log_pb2

import mtl_lowres as mtl
from mtl_lowres.demo import FOUR_TASKS
from mtl_lowres.serving.warmup import read_warmup

CLOSE = 1e-5
# Runs where nothing of this package is; exchanges tensors as text.
REPLAY = """
import base64, json, sys
sys.modules["mtl_lowres"] = None  # importing it would raise
import numpy as np, tensorflow as tf
from tensorflow.core.framework import tensor_pb2
saved, requests, answers = sys.argv[1:]
def decode(text):
    return tf.make_ndarray(tensor_pb2.TensorProto.FromString(base64.b64decode(text)))
def encode(value):
    return base64.b64encode(tf.make_tensor_proto(value).SerializeToString()).decode()
requests = [(name, {key: decode(text) for key, text in inputs.items()})
            for name, inputs in json.load(open(requests))]
loaded = tf.saved_model.load(saved)
by_function = []
for name, inputs in requests:
    tensors = {key: tf.constant(value) for key, value in inputs.items()}
    found = loaded.signatures[name](**tensors)
    by_function.append({key: encode(value.numpy()) for key, value in found.items()})
by_session = []
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], saved)
    for name, inputs in requests:
        signature = graph.signature_def[name]
        feed = {signature.inputs[key].name: value for key, value in inputs.items()}
        names = {key: output.name for key, output in signature.outputs.items()}
        found = session.run(names, feed)
        by_session.append({key: encode(value) for key, value in found.items()})
result = {"tensorflow": tf.__version__, "function": by_function, "session": by_session}
json.dump(result, open(answers, "w"))
"""


def demo_export(folder: Path) -> Path:
    """Export the demo's network of four tasks, untrained."""
    trunk, options = FOUR_TASKS.trunk_and_options()
    heads = {
        "posture": mtl.heads.Posture(6, loss="nll"),
        "action": mtl.heads.Action(10),
        "identity": mtl.heads.Identity(20),
        "age": mtl.heads.Age("mean_variance"),
    }
    settings = {"degrade": FOUR_TASKS.degrade, "clip": FOUR_TASKS.clip}
    model = mtl.build_model(trunk, heads, (12, 16, 16, 3), **settings, **options)
    return mtl.export(model, folder)


def lownet_export(folder: Path) -> Path:
    """Export LowNet, untrained."""
    heads = {"posture": mtl.heads.Posture(12)}
    model = mtl.build_model("lownet", heads, (16, 16, 3), degrade="area(16)")
    return mtl.export(model, folder)


def requests_of(export: Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Return the warm-up requests, and for encoded items one of a photograph and a bad file."""
    requests, images = [], np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    photo = tf.cast(tf.image.resize(images, (480, 640), "bicubic") + 0.5, tf.uint8)
    jpeg = tf.io.encode_jpeg(photo, quality=90).numpy()
    for record in read_warmup(export):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        name = request.model_spec.signature_name
        requests.append((name, inputs))
        first = next(iter(inputs.values()))
        if first.dtype == object and len(first) > 1:
            mixed = {}
            for key, values in inputs.items():
                mixed[key] = values.copy()
                mixed[key][0], mixed[key][1] = jpeg, jpeg[:-2000]
            requests.append((name, mixed))
    return requests


def replay(python: Path | str, export: Path, requests: list, folder: Path) -> dict:
    """Return what a Python's TensorFlow answers, the tensors as arrays."""
    asked, answered = folder / "requests.json", folder / "answers.json"
    texts = [(name, {key: to_text(v) for key, v in inputs.items()}) for name, inputs in requests]
    asked.write_text(json.dumps(texts), encoding="utf-8")
    command = [python, "-I", "-c", REPLAY, export.resolve(), asked, answered]
    done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{python} cannot answer:\n{done.stderr[-2000:]}")
    result = json.loads(answered.read_text(encoding="utf-8"))
    for way in ("function", "session"):
        result[way] = [{k: to_array(v) for k, v in answers.items()} for answers in result[way]]
    return result


def to_text(value: np.ndarray) -> str:
    """Return a tensor as text."""
    return base64.b64encode(tf.make_tensor_proto(value).SerializeToString()).decode()


def to_array(text: str) -> np.ndarray:
    """Return a tensor of `to_text`."""
    return tf.make_ndarray(tensor_pb2.TensorProto.FromString(base64.b64decode(text)))


def difference(expected: np.ndarray, found: np.ndarray) -> float:
    """Return the largest difference, above 1 as a share; infinite where more than that differs."""
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return float("inf")
    if expected.dtype != np.float32:
        return 0.0 if np.array_equal(expected, found) else float("inf")
    if not np.isfinite(found).all():
        return float("inf")
    gaps = np.abs(found - expected) / np.maximum(np.abs(expected), 1)
    return float(gaps.max(initial=0))


def compare(requests: list, old: dict, new: dict) -> list[dict]:
    """Return a row an output: the largest difference of each way from the old one's functions."""
    ways = {
        f"{old['tensorflow']} session": old["session"],
        f"{new['tensorflow']} function": new["function"],
        f"{new['tensorflow']} session": new["session"],
    }
    rows = {}
    for place, (name, _) in enumerate(requests):
        for key, expected in sorted(old["function"][place].items()):
            row = rows.setdefault((name, key), dict.fromkeys(ways, 0.0) | {"requests": 0})
            row["requests"] += 1
            for way, answers in ways.items():
                row[way] = max(row[way], difference(expected, answers[place][key]))
    return [{"signature": name, "output": key, **row} for (name, key), row in rows.items()]


def main() -> None:
    """Replay everywhere, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--export", type=Path, help="version folder; default: the demo's network")
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument(
        "--quick", action="store_true", help="LowNet in place of the demo's network"
    )
    parser.add_argument("--json", default="newer_tensorflow.json")
    options = parser.parse_args()
    python = peer_python("tensorflow", options.environments)
    tf.keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_export = lownet_export if options.quick else demo_export
        export = options.export or make_export(folder / "export")
        requests = requests_of(export)
        old = replay(sys.executable, export, requests, folder)
        new = replay(python, export, requests, folder)
    rows = compare(requests, old, new)
    ways = [name for name in rows[0] if name not in ("signature", "output", "requests")]
    print(f"{'signature':17}{'output':25}requests" + "".join(f"{way:>18}" for way in ways))
    for row in rows:
        figures = "".join(f"{row[way]:18.2g}" for way in ways)
        print(f"{row['signature']:17}{row['output']:25}{row['requests']:8}{figures}")
    largest = max(row[way] for row in rows for way in ways)
    print(f"{len(requests)} requests, largest difference {largest:.2g}, limit {CLOSE:g}")
    result = {"rows": rows, "requests": len(requests), "largest": largest}
    Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.exit(not largest <= CLOSE)


if __name__ == "__main__":
    main()
