"""Worker: LowNet in PyTorch, in a plain training loop over tensors that lie ready in memory.

Arguments: batch size, threads, dropout, layout ("channels_first", "channels_last" or
"channels_last, compiled"), the folder that `training_ours.py` wrote to.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from worker import seconds_a_call, serve

batch_size, threads = map(int, sys.argv[1:3])
dropout, layout, folder = float(sys.argv[3]), sys.argv[4], Path(sys.argv[5])
torch.set_num_threads(threads)
torch.manual_seed(0)
memory_format = torch.contiguous_format if layout == "channels_first" else torch.channels_last


class LowNet(nn.Module):
    """The published network: three convolutions, the last two pooled, and three dense layers."""

    def __init__(self, classes: int = 38):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(2048, 128), nn.Linear(128, 64)
        self.logits = nn.Linear(64, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        """Return the logits [n, classes] of images [n, 3, 16, 16]."""
        pool = nn.functional.max_pool2d
        x = 2 * torch.relu(self.conv1(x))
        x = pool(2 * torch.relu(self.conv2(x)), 2)
        x = pool(2 * torch.relu(self.conv3(x)), 2)
        x = self.dropout(x).flatten(1)
        x = self.dropout(torch.relu(self.fc1(x)))
        return self.logits(self.dropout(torch.relu(self.fc2(x))))


def load_weights(network: LowNet) -> None:
    """Give the network the weights that ours begins with."""
    with np.load(folder / "weights.npz") as arrays:
        weights = dict(arrays)
    for name in ("conv1", "conv2", "conv3", "fc1", "fc2", "logits"):
        ours = "posture_logits" if name == "logits" else f"lownet_{name}"
        kernel = torch.from_numpy(weights[f"{ours}/kernel:0"])
        if name == "fc1":  # from flattened [h, w, c] to flattened [c, h, w]
            kernel = kernel.reshape(4, 4, 128, 128).permute(2, 0, 1, 3).reshape(2048, 128)
        layer = getattr(network, name)
        with torch.no_grad():
            layer.weight.copy_(kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T)
            layer.bias.copy_(torch.from_numpy(weights[f"{ours}/bias:0"]))


network = LowNet()
load_weights(network)
network = network.to(memory_format=memory_format)
with np.load(folder / "data.npz") as data:
    images = torch.from_numpy(data["images"]).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(data["labels"]).long()
images = images.contiguous(memory_format=memory_format)
optimizer = torch.optim.Adam(network.parameters(), 1e-3, eps=1e-7, fused=True)
trained = torch.compile(network) if layout.endswith("compiled") else network


def prepare() -> int:
    """Write the outputs of the first weights and return the number of parameters."""
    network.eval()
    with torch.inference_mode():
        np.save(folder / "outputs_torch.npy", network(images).softmax(1).numpy())
    network.train()
    return sum(parameter.numel() for parameter in network.parameters())


def epochs(count: int) -> dict:
    """Train and return the seconds and losses of the epochs but the first."""
    seconds, losses = [], []
    for _ in range(count + 1):
        started, total = time.perf_counter(), 0.0
        order = torch.randperm(len(images))
        for index in order.split(batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(trained(images[index]), labels[index])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
        losses.append(float(total) / len(images))
        seconds.append(time.perf_counter() - started)
    return {"seconds": seconds[1:], "losses": losses}


def matmul_gigaflops() -> float:
    """Return how many thousand million operations a second a large matrix product does."""
    factor = torch.rand(1024, 1024)
    seconds = seconds_a_call(lambda: factor @ factor, 20)
    return 2e-9 * 1024**3 / seconds


serve({"prepare": prepare, "epochs": epochs, "matmul_gigaflops": matmul_gigaflops})
