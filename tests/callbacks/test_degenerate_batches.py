"""Monitors of batches of one image; compilation."""

import math
import warnings
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader, TensorDataset

from zoo.autoencoders.sparse import SparseAutoencoder
from zoo.callbacks import Compile, ModeCollapse, PosteriorCollapse
from zoo.callbacks.alarms import CollapseWarning
from zoo.callbacks.collapse import mean_distance, share_in_use
from zoo.errors import BadRecipe
from zoo.gans.dcgan import DCGAN
from zoo.gans.dragan import DRAGAN
from zoo.gans.wgan_gp import WGANGP
from zoo.vaes.vae import VAE
from zoo.vaes.wae import WAE


def test_monitors_skip_batches_without_variance(tmp_path: Path) -> None:
    assert math.isnan(share_in_use(torch.randn(1, 8)))
    assert float(mean_distance(torch.randn(1, 1, 8, 8))) == 0
    with pytest.raises(BadRecipe, match=r"n .*got 1"):
        ModeCollapse(n=1)
    for model, monitor in (
        (DCGAN(size=8, channels=1, width=4, latent=4), ModeCollapse(every_n_steps=1, n=8)),
        (VAE(size=8, channels=1, width=4, latent=4), PosteriorCollapse(every_n_steps=1)),
    ):
        images = TensorDataset(torch.rand(12, 1, 8, 8), torch.zeros(12))
        trainer = Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[monitor],
            default_root_dir=tmp_path,
        )  # fmt: skip
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer.fit(model, DataLoader(images, batch_size=1))
        assert not [w for w in caught if issubclass(w.category, CollapseWarning)]
        assert monitor.alarm.recent == []


def test_compilation_of_gradient_penalties_raises() -> None:
    small = {"size": 8, "channels": 1}
    for model in (WAE(**small, width=4), SparseAutoencoder(**small, latent=4)):
        Compile().setup(Trainer(logger=False, accelerator="cpu"), model, "fit")
    for model in (WGANGP(**small, width=4), DRAGAN(**small, width=4)):
        with pytest.raises(BadRecipe, match="gradient penalty"):
            Compile().setup(Trainer(logger=False, accelerator="cpu"), model, "fit")
