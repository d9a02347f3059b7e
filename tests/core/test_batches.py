"""Batch sizes and modes of training."""

import pytest
from lightning import Trainer
from test_every_recipe import toy, toy_data

from zoo.core.module import ZooModule
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.vaes.vae import VAE

SMALL = {"size": 8, "channels": 1, "width": 8}


def fit(model: ZooModule, batch: int, name: str) -> None:
    """Train one step on toy data of a recipe."""
    trainer = Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(model, datamodule=toy_data(name, batch))


@pytest.mark.parametrize("name", catalog.list_recipes())
def test_the_smallest_valid_batch_trains(name: str) -> None:
    """A batch with one image less in each sub-batch raises."""
    model = toy(name)
    parts, least = model.sub_batches, model.min_sub_batch
    if least > 1:
        with pytest.raises(BadRecipe, match=rf"batch_size.*got {parts * (least - 1)}\b"):
            fit(model, parts * (least - 1), name)
    if parts > 1:
        with pytest.raises(BadRecipe, match=rf"batch_size.*{parts}, got {parts * least + 1}\b"):
            fit(model, parts * least + 1, name)
    fit(model, parts * least, name)
    assert all(p.isfinite().all() for p in model.parameters())


def test_training_a_loaded_model_keeps_frozen_modules() -> None:
    loaded, frozen = VAE(**SMALL, latent=4).eval(), VAE(**SMALL, latent=4)
    frozen.encoder.eval()
    for model in (loaded, frozen):
        fit(model, 4, "vae-digits")
    assert all(module.training for module in loaded.modules())
    assert frozen.decoder.training
    assert not any(module.training for module in frozen.encoder.modules())
