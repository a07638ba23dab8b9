"""How fast does every export answer, beside ONNX Runtime and OpenVINO with the same weights?

    python benchmarks/latency.py

LowNet and the four-task network of the demo: the traced Keras call, `serving_default` of the
SavedModel, and the four TensorFlow Lite files, one sample a call and in batches of 64 and 256 (a
TensorFlow Lite file takes the samples of a batch one by one). The peers run the network as tf2onnx
converts it, compiled for each batch size, at float32. Everybody goes from an array to arrays, in a
process of its own, in turns, with as many threads. Float32 answers must agree with Keras's to 1e-4.
Five minutes; `--quick` takes one.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import networks
import numpy as np
import tensorflow as tf
from side_by_side import ENVIRONMENTS, Peer, available_peers, conclude, medians

import mtl_lowres as mtl
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.answers import served_answers
from mtl_lowres.serving.tflite import KINDS, export_tflite

OURS = ("keras", "saved_model", *KINDS)
EXACT = ("saved_model", "float32")
RUNTIMES = ("onnxruntime", "openvino")
# Batch size -> calls that one median is taken of.
CALLS = {1: 100, 64: 3, 256: 2}


def write_networks(folder: Path, converter: Path | None) -> list[str]:
    """Write both networks in all forms, each in a folder of its name, and return the names."""
    images = networks.noise_images(folder / "images", 1).assign(posture=37)
    clips = networks.noise_clips(folder / "clips", max(networks.CLASSES.values()))
    settings = {"lownet": (networks.LOWNET, images), "four_tasks": (networks.FOUR_TASKS, clips)}
    for name, (config, manifest) in settings.items():
        model = networks.untrained(config, manifest)
        shape = model.description["input_shape"]
        samples = np.random.default_rng(0).random((max(CALLS), *shape), np.float32)
        home = folder / name
        home.mkdir()
        np.save(home / "samples.npy", samples)
        np.savez(home / "expected.npz", **served_answers(model, model.forward(samples)))
        mtl.save_model(model, home / "model")
        mtl.export(model, home / "export")
        export_tflite(model, home / "tflite", samples)
        if converter:
            write_onnx(model, home, converter)
    return list(settings)


def write_onnx(model: MultiTaskModel, home: Path, converter: Path) -> None:
    """Write the network as `network.onnx`; its names and labels are left out."""
    module = tf.Module()
    module.network_variables = model.variables
    spec = tf.TensorSpec((None, *model.description["input_shape"]), tf.float32, name="inputs")
    answer = tf.function(
        lambda inputs: served_answers(model, model(inputs, training=False)), input_signature=[spec]
    )
    tf.saved_model.save(module, str(home / "plain"), signatures={"serving_default": answer})
    command = [converter, "-m", "tf2onnx.convert", "--opset", "17", "--saved-model", home / "plain"]
    command += ["--output", home / "network.onnx"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


def check(worker: Peer, home: Path, **kind) -> None:
    """Check that a worker's answers are Keras's to 1e-4; ages, in years, to 1e-4 of them."""
    worker.ask("answers", file=str(home / "answers.npz"), **kind)
    with np.load(home / "answers.npz") as found, np.load(home / "expected.npz") as expected:
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)


def measure(home: Path, pythons: dict[str, Path], threads: int, repeats: int) -> list[dict]:
    """Return a row a way of answering: time of one sample, and samples a second in batches."""
    ours = Peer("answers_ours.py", home, threads, threads=threads)
    peers = {
        name: Peer(f"answers_{name}.py", home, threads, python=python, threads=threads)
        for name, python in pythons.items()
    }
    for kind in EXACT:
        check(ours, home, kind=kind)
    for peer in peers.values():
        check(peer, home)

    def actions(batch: int, calls: int) -> dict:
        size = {"batch": batch, "calls": calls}
        return {kind: lambda kind=kind: ours.ask("seconds", kind=kind, **size) for kind in OURS} | {
            name: lambda peer=peer: peer.ask("seconds", **size) for name, peer in peers.items()
        }

    times = {batch: medians(actions(batch, calls), repeats) for batch, calls in CALLS.items()}
    for worker in (ours, *peers.values()):
        worker.close()
    best = min((times[1][name] for name in peers), default=None)
    return [
        {
            "network": home.name,
            "threads": threads,
            "runs": name,
            "microseconds": 1e6 * times[1][name],
            "to best peer": times[1][name] / best if peers else None,
            **{f"per second, {n}": n / times[n][name] for n in CALLS if n > 1},
        }
        for name in (*OURS, *peers)
    ]


def main() -> None:
    """Write the networks, measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="LowNet, one thread, three turns")
    parser.add_argument("--json", default="bench/latency.json")
    options = parser.parse_args()
    pythons = available_peers(["tf2onnx", *RUNTIMES], options.environments)
    converter = pythons.pop("tf2onnx", None)
    if converter is None:  # then there is no file that the peers could read
        pythons = {}
    threads, repeats = ([1], 3) if options.quick else (options.threads, 7)
    with tempfile.TemporaryDirectory() as name:
        homes = [Path(name) / network for network in write_networks(Path(name), converter)]
        rows = [
            row
            for home in (homes[:1] if options.quick else homes)
            for count in threads
            for row in measure(home, pythons, count, repeats)
        ]
    conclude(rows, {"repeats": repeats, "calls": CALLS}, options.json)


if __name__ == "__main__":
    main()
