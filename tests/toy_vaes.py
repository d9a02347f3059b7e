"""Toy VAEs and their training, shared by several tests."""

import math

import torch
from lightning import Trainer
from tensors import randn
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.core.module import ZooModule
from zoo.vaes.vae import VAE

STEPS, N, LATENT = 6, 12, 3


def batches() -> list[tuple[Tensor, Tensor]]:
    images = randn(STEPS * N, 1, 8, 8).tanh()
    return [(x, torch.arange(N) % 10) for x in images.split(N)]


def fit(model: ZooModule, data: list[tuple[Tensor, Tensor]] | None = None) -> None:
    """Train one epoch, after seed 1."""
    own = torch.Generator()  # the loader's seed must not come from the generator of the noise
    loader = DataLoader(data or batches(), batch_size=None, generator=own)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    torch.manual_seed(1)
    trainer.fit(model, loader)


def toy(kind: type[VAE], **own: float) -> VAE:
    torch.manual_seed(0)
    return kind(size=8, channels=1, latent=LATENT, width=8, likelihood="gaussian", lr=1e-3, **own)


def gauss(x: Tensor, mean: Tensor, std: Tensor | float) -> Tensor:
    """Log-density of a normal, summed over all but the first dimension."""
    std = torch.as_tensor(std)
    terms = -((x - mean) ** 2) / (2 * std**2) - std.log() - math.log(2 * math.pi) / 2
    return terms.flatten(1).sum(1)


def multiquadric(a: Tensor, b: Tensor) -> Tensor:
    return 2 * LATENT / (2 * LATENT + (a - b).square().sum())


def discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """The last lines of algorithm 2, by loops."""
    n, pairs = len(a), range(len(a))
    within = sum(multiquadric(t[i], t[j]) for t in (a, b) for i in pairs for j in pairs if i != j)
    across = sum(multiquadric(a[i], b[j]) for i in pairs for j in pairs)
    return within / (n * (n - 1)) - 2 * across / n**2
