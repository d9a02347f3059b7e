"""Dense VAE of the size of Kingma & Welling, and the same step by other implementations."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import torch
from rivals import ROOT, Rival, our_batches
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam

from zoo.data import FashionMNIST, ImageDataModule
from zoo.vaes.vae import VAE

HIDDEN, LATENT, BATCH = 400, 20, 128


def ours() -> tuple[VAE, ImageDataModule]:
    """784-400-20-400-784, a Bernoulli likelihood, batches of 128."""
    model = VAE(
        size=28, channels=1, latent=LATENT, width=HIDDEN, network="dense", likelihood="bernoulli"
    )
    root = os.environ.get("ZOO_DATA") or str(ROOT / "data")
    return model, FashionMNIST(root=root, size=28, batch_size=BATCH)


class Plain(nn.Module):
    """The same network in plain PyTorch, as in tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(784, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2 * LATENT)
        )
        self.decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 784))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def loop(device: str) -> Rival:
    """Plain PyTorch loop over the batches of the zoo, with the bound in closed form."""
    model, data = Plain().to(device), ours()[1]
    adam = Adam(model.parameters(), lr=1e-3)
    for images, _ in our_batches(data, device):
        x = (images.flatten(1) + 1) / 2
        logits, mean, log_variance = model(x)
        error = binary_cross_entropy_with_logits(logits, x, reduction="sum")
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum() / 2
        adam.zero_grad()
        ((error + divergence) / len(x)).backward()
        adam.step()
        yield


def pythae(python: Path, steps: int) -> Iterator[float]:
    """Seconds per step of successive turns of pythae's VAE, in a separate process.

    The process waits between turns. `python` is the interpreter of an environment with pythae.
    """
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [str(python), str(Path(__file__).with_name("pythae_vae.py")), str(steps)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its progress bar
        text=True,
        env=environment,
    ) as rival:
        assert rival.stdout is not None
        try:
            while True:
                print("go", file=rival.stdin, flush=True)
                yield float(rival.stdout.readline())
        finally:
            rival.kill()
