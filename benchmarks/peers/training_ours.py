"""Worker: LowNet or the four-task network through `fit`, as `mtl-lowres train` calls it.

Arguments: network ("lownet" or "four_tasks"), samples, batch size, threads, dropout, a folder to
write to. The first weights of LowNet are left there as `weights.npz`, its data as `data.npz`.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from worker import seconds_a_call, serve

sys.path.insert(0, str(Path(__file__).parents[1]))
import networks

name, folder = sys.argv[1], Path(sys.argv[6])
samples, batch_size, threads = map(int, sys.argv[2:5])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)

if name == "lownet":
    config = dataclasses.replace(networks.LOWNET, trunk=f"lownet(dropout={sys.argv[5]})")
    manifest = networks.noise_images(folder / "images", samples)
else:
    config = networks.FOUR_TASKS
    manifest = networks.noise_clips(folder / "clips", samples)
config = dataclasses.replace(config, batch_size=batch_size)
model, batches = networks.ready_to_fit(config, manifest)


class EpochTimes(tf.keras.callbacks.Callback):
    """Seconds and loss of every epoch."""

    def __init__(self):
        super().__init__()
        self.seconds, self.losses = [], []

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Stop it."""
        self.seconds.append(time.perf_counter() - self._started)
        self.losses.append(logs["loss"])


def prepare() -> int:
    """Write weights and data for the peer and return the number of parameters."""
    weights = {weight.name: weight.numpy() for weight in model.weights}
    np.savez(folder / "weights.npz", **weights)
    images = np.stack([tf.io.decode_png(tf.io.read_file(p)).numpy() for p in manifest["path"]])
    np.savez(folder / "data.npz", images=images, labels=manifest["posture"].to_numpy())
    outputs = model.forward(images.astype(np.float32) / 255)["posture"].numpy()
    np.save(folder / "outputs_ours.npy", outputs)
    return model.count_params()


def epochs(count: int) -> dict:
    """Train and return the seconds and losses of the epochs but the first, which starts `fit`."""
    times = EpochTimes()
    model.fit(batches, epochs=count + 1, verbose=0, callbacks=[times])
    return {"seconds": times.seconds[1:], "losses": times.losses}


def matmul_gigaflops() -> float:
    """Return how many thousand million operations a second a large matrix product does."""
    factor = tf.random.uniform((1024, 1024))
    seconds = seconds_a_call(lambda: tf.linalg.matmul(factor, factor).numpy(), 20)
    return 2e-9 * 1024**3 / seconds


serve({"prepare": prepare, "epochs": epochs, "matmul_gigaflops": matmul_gigaflops})
