"""How fast does LowNet train, against the same network in PyTorch on the same cores?

    python benchmarks/training.py

Ours goes through `make_dataset` and `fit` as `mtl-lowres train` calls them: images from files kept
in memory, shuffling, metrics, and training that is repeatable to the bit. PyTorch has a plain loop
over tensors that lie ready in memory, with the fused Adam, and the best of three layouts counts.
Both begin with the same weights; their outputs and, without dropout, the losses of the first steps
must agree. Epochs of both alternate. The limit is what the multiplications and additions would take
at the speed of one large matrix product in the faster of the two libraries. The four-task network
of the demo is ours alone; what it costs beside single-task networks is measured by `four_tasks.py`.
Ten minutes; `--quick` takes two.

Measured on two cores of an EPYC, 2026-11-22, one thread, 128 images a step: 1,218 images a second
against PyTorch's 1,064 with channels last (1.15 times as many); with 32, 1,073 against 947. Nearly
all of it are convolutions, which are at the limit of the core but for a tenth: three times as many,
the goal, cannot be had in float32.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from side_by_side import ENVIRONMENTS, Peer, available_peers, conclude

LAYOUTS = ("channels_first", "channels_last", "channels_last, compiled")
# LowNet's multiply-adds a sample are 9,931,136 forwards and twice as many backwards.
GIGAFLOP = 3 * 2 * 9_931_136 * 1e-9


def check(python: Path, folder: Path) -> None:
    """Check that both train the same network: parameters, outputs and the losses of five steps."""
    rows = 128
    with Peer("training_ours.py", "lownet", rows, rows, 1, 0.0, folder) as ours:
        parameters, losses = ours.ask("prepare"), ours.ask("epochs", count=4)["losses"]
    with Peer("training_torch.py", rows, 1, 0.0, "channels_last", folder, python=python) as torch:
        assert torch.ask("prepare") == parameters, "the networks differ in size"
        torch_losses = torch.ask("epochs", count=4)["losses"]
    outputs = [np.load(folder / f"outputs_{name}.npy") for name in ("ours", "torch")]
    np.testing.assert_allclose(*outputs, atol=1e-5)
    np.testing.assert_allclose(losses, torch_losses, rtol=5e-3)
    print(f"same network: {parameters} parameters, losses {np.round(losses, 4)}", flush=True)


def measure(
    python: Path | None, layouts: tuple, batch_size: int, threads: int, rows: int, repeats: int
) -> dict:
    """Return images a second of ours and of PyTorch's layouts, ours to the best, and the limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = Peer(
            "training_ours.py", "lownet", rows, batch_size, threads, 0.3, folder, threads=threads
        )
        ours.ask("prepare")
        workers = {"ours": ours}
        for layout in layouts if python else ():
            workers[layout] = Peer(
                "training_torch.py",
                *(batch_size, threads, 0.3, layout, folder),
                python=python,
                threads=threads,
            )
        limit = max(worker.ask("matmul_gigaflops") for worker in workers.values()) / GIGAFLOP
        speeds = epochs_in_turns(workers, rows, repeats)
    row = {"network": "lownet", "batch": batch_size, "threads": threads} | speeds
    row["limit"] = limit
    if python:
        row["ratio"] = speeds["ours"] / max(speeds[layout] for layout in layouts)
    return row


def four_tasks(threads: int, rows: int, repeats: int) -> dict:
    """Return the clips a second of the four-task network."""
    with tempfile.TemporaryDirectory() as folder:
        ours = Peer(
            "training_ours.py", "four_tasks", rows, 32, threads, 0.0, folder, threads=threads
        )
        speeds = epochs_in_turns({"ours": ours}, rows, repeats)
    return {"network": "four tasks, clips", "batch": 32, "threads": threads} | speeds


def epochs_in_turns(workers: dict[str, Peer], rows: int, repeats: int) -> dict[str, float]:
    """Let the workers train two epochs in turn, `repeats` times, and return samples a second."""
    seconds = {name: [] for name in workers}
    for turn in range(repeats + 1):
        for name, worker in workers.items():
            times = worker.ask("epochs", count=2)["seconds"]
            seconds[name] += times if turn else []  # the first compiles
    for worker in workers.values():
        worker.close()
    return {name: rows / float(np.median(times)) for name, times in seconds.items()}


def main() -> None:
    """Check, measure, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="one batch size, one thread")
    parser.add_argument("--json", default="bench/training.json")
    options = parser.parse_args()
    python = available_peers(["torch"], options.environments).get("torch")
    if python:
        with tempfile.TemporaryDirectory() as folder:
            check(python, Path(folder))
    if options.quick:
        cases, layouts, rows, repeats = [(128, 1)], LAYOUTS[:2], 512, 2
    else:
        cases = [(batch, threads) for threads in options.threads for batch in (128, 32)]
        layouts, rows, repeats = LAYOUTS, 512, 4
    table = [measure(python, layouts, *case, rows, repeats) for case in cases]
    table += [four_tasks(threads, rows, repeats) for threads in sorted({t for _, t in cases})]
    conclude(table, {"samples": rows, "repeats": repeats}, options.json)


if __name__ == "__main__":
    main()
