"""The two stages of VQ-VAE in resumed trainings."""

from pathlib import Path

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader, TensorDataset

from zoo.vaes.vq_vae import VQVAE


def train(model: VQVAE, epochs: int, folder: Path, resume: Path | None = None) -> Path:
    """Train with four steps an epoch; return the last checkpoint."""
    images = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    loader = DataLoader(TensorDataset(images, torch.zeros(32)), batch_size=8)
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(model, loader, ckpt_path=resume, weights_only=True)
    trainer.save_checkpoint(path := folder / f"{epochs}.ckpt")
    return path


def vq_vae() -> VQVAE:
    return VQVAE(size=8, channels=1, width=4, codebook=4, dim=2, depth=1)


@pytest.mark.parametrize(("first", "then", "start"), [(2, 6, 4), (3, 8, 6), (1, 4, 2), (1, 1, 2)])
def test_a_resume_of_another_length_keeps_its_stage(
    first: int, then: int, start: int, tmp_path: Path
) -> None:
    """The codebook does not change once the prior is trained on it."""
    path = train(model := vq_vae(), first, tmp_path)
    resumed = vq_vae()
    train(resumed, then, tmp_path, path)
    assert resumed.prior_start == start
    assert resumed.quantizer.codebook.equal(model.quantizer.codebook)


def test_the_second_stage_starts_after_the_resumed_step(tmp_path: Path) -> None:
    model = vq_vae()
    model.resumed = 8, 4  # the second stage was planned at step 8; the training stopped at step 4
    assert model.resolve_prior_start(20) == 20
    model.resumed = 8, 4
    assert model.resolve_prior_start(2) == 4
    assert model.resolve_prior_start(2) == 2
