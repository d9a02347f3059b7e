"""What two processes do together; run by torchrun, read by test_devices.py."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from test_every_recipe import batches, toy
from torch import Tensor, nn
from torch.optim import Optimizer
from toys import Strike, fit

from zoo.callbacks import FrechetDistance, ModeCollapse, SampleGrid
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.gans.dcgan import DCGAN
from zoo.gans.wgan_gp import WGANGP
from zoo.pretrained import catalog
from zoo.vaes.vae import VAE

SHARE, LATENT = 20, 6  # images of a rank in a batch
KINDS: dict[str, Callable[[], ZooModule]] = {
    "dcgan": lambda: DCGAN(size=8, channels=1, latent=LATENT, width=8),
    "wgan-gp": lambda: WGANGP(size=8, channels=1, latent=LATENT, width=8),
    "vae": lambda: VAE(size=8, channels=1, latent=LATENT, width=8),
}


def build(name: str, norms: bool = True) -> ZooModule:
    """A model from seed 0; without norms, whose statistics differ between halves of a batch."""
    lightning.seed_everything(0, verbose=False)
    model = KINDS[name]()
    for module in list(model.modules()):
        for child, layer in module.named_children():
            if isinstance(layer, nn.BatchNorm2d) and not norms:
                setattr(module, child, nn.Identity())
    return model


class First(Callback):
    """The gradients of the first player to move, in its first step."""

    def __init__(self) -> None:
        self.gradients: dict[str, Tensor] = {}

    def on_before_optimizer_step(
        self, trainer: Trainer, module: LightningModule, optimizer: Optimizer
    ) -> None:
        if not self.gradients:
            mine = {id(p) for group in optimizer.param_groups for p in group["params"]}
            self.gradients = {
                name: p.grad.clone()
                for name, p in module.named_parameters()
                if id(p) in mine and p.grad is not None
            }


def trainer_of(folder: Path, steps: int, *callbacks: Callback) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=int(os.environ["WORLD_SIZE"]),
        strategy="ddp_find_unused_parameters_true",
        max_steps=steps,
        limit_train_batches=4,
        limit_val_batches=0,
        callbacks=list(callbacks),
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def train(model: ZooModule, folder: Path, steps: int, *callbacks: Callback) -> None:
    trainer = trainer_of(folder, steps, *callbacks)
    lightning.seed_everything(0, verbose=False)
    trainer.fit(model, datamodule=Digits(batch_size=SHARE))


def everything(folder: Path, rank: int) -> None:
    """Each rank writes what it holds: gradients, weights and averages of each kind."""
    mine = folder / f"rank-{rank}"
    mine.mkdir()
    for name in KINDS:
        first = First()
        train(build(name, norms=False), folder, 1, first)
        model, average = build(name), EMAWeightAveraging(decay=0.9)
        pictures = SampleGrid(n=8), FrechetDistance(n=65), ModeCollapse(every_n_steps=3)
        train(model, mine / name, 8, average, *pictures)
        found = {
            "gradients": first.gradients,
            "weights": dict(model.named_parameters()),
            "average": average._average_model.state_dict(),
            "seen": model.images_seen,
        }
        torch.save(found, mine / f"{name}.pt")


def every_recipe(folder: Path, rank: int) -> None:
    """Two steps of each recipe at toy size, without an unused parameter or a rank that waits."""
    found = {}
    for name in catalog.list_recipes():
        model, average = toy(name), EMAWeightAveraging(decay=0.9)
        trainer = trainer_of(folder, 2, average)
        trainer.fit(model, batches(name))
        found[name] = dict(model.named_parameters()), average._average_model.state_dict()
    torch.save(found, folder / f"recipes-{rank}.pt")


def command(folder: Path) -> None:
    """`zoo fit` by all ranks: once to the end, once asked to stop on the last rank, and resumed."""
    os.chdir(folder)
    fit("dcgan-digits")
    words = ["--trainer.callbacks+", "toys.Strike", "--trainer.callbacks.step", "2"]
    Strike.struck.clear()
    try:
        fit("dcgan-digits", *words, "--trainer.callbacks.blow", "SIGTERM")
    except SystemExit:
        fit("dcgan-digits", "--ckpt_path", "last")


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    everything(place, rank)
    every_recipe(place, rank)
    command(place)
