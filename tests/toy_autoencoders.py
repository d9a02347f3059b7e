"""Toy autoencoders and their training, shared by several tests."""

from pathlib import Path

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.autoencoders.greedy import GreedyAutoencoder
from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.core.latent_models import Autoencoder


def stacked() -> Autoencoder:
    return StackedAutoencoder(size=8, widths=(12, 9), latent=6)


def greedy() -> Autoencoder:
    return GreedyAutoencoder(size=8, widths=(12,), latent=6, layer_steps=2)


def train(
    model: LightningModule,
    x: Tensor,
    epochs: int,
    batch: int,
    *callbacks: Callback,
    resume: Path | None = None,
) -> None:
    """Train on images (n, channels, size, size) after seed 0."""
    torch.manual_seed(0)
    pairs = [(chunk, torch.zeros(len(chunk), 0)) for chunk in x.split(batch)]
    own = torch.Generator()  # the loader's seed must not come from the generator of the noise
    loader = DataLoader(pairs, batch_size=None, generator=own)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, loader, ckpt_path=resume)


def images(n: int = 20) -> Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
