"""A program for two ranks: torchrun runs it, test_devices.py reads its files."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from test_every_recipe import toy, toy_data
from torch import Tensor, nn
from torch.optim import Optimizer
from toys import Interruption, fit

from zoo.callbacks import FrechetDistance, ModeCollapse, SampleGrid
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.gans.dcgan import DCGAN
from zoo.gans.wgan_gp import WGANGP
from zoo.pretrained import catalog
from zoo.vaes.vae import VAE

SHARE, LATENT = 20, 6  # SHARE is the batch size of a rank
KINDS: dict[str, Callable[[], ZooModule]] = {
    "dcgan": lambda: DCGAN(size=8, channels=1, latent=LATENT, width=8),
    "wgan-gp": lambda: WGANGP(size=8, channels=1, latent=LATENT, width=8),
    "vae": lambda: VAE(size=8, channels=1, latent=LATENT, width=8),
}


def build(name: str, norms: bool = True) -> ZooModule:
    """A model from seed 0. Without `norms` it has no batch norm, whose statistics differ between
    halves of a batch."""
    lightning.seed_everything(0, verbose=False)
    model = KINDS[name]()
    for module in list(model.modules()):
        for child, layer in module.named_children():
            if isinstance(layer, nn.BatchNorm2d) and not norms:
                setattr(module, child, nn.Identity())
    return model


class FirstGradients(Callback):
    """Stores the gradients of the first optimizer step."""

    def __init__(self) -> None:
        self.gradients: dict[str, Tensor] = {}

    def on_before_optimizer_step(
        self, trainer: Trainer, module: LightningModule, optimizer: Optimizer
    ) -> None:
        if not self.gradients:
            own = {id(p) for group in optimizer.param_groups for p in group["params"]}
            self.gradients = {
                name: p.grad.clone()
                for name, p in module.named_parameters()
                if id(p) in own and p.grad is not None
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


def train_kinds(folder: Path, rank: int) -> None:
    """Write the gradients, weights and averages of each kind on a rank."""
    own_folder = folder / f"rank-{rank}"
    own_folder.mkdir()
    for name in KINDS:
        first = FirstGradients()
        train(build(name, norms=False), folder, 1, first)
        model, average = build(name), EMAWeightAveraging(decay=0.9)
        observers = SampleGrid(n=8), FrechetDistance(n=65), ModeCollapse(every_n_steps=3)
        train(model, own_folder / name, 8, average, *observers)
        results = {
            "gradients": first.gradients,
            "weights": dict(model.named_parameters()),
            "average": average._average_model.state_dict(),
            "seen": model.images_seen,
        }
        torch.save(results, own_folder / f"{name}.pt")


def train_recipes(folder: Path, rank: int) -> None:
    """Train two steps of each recipe at toy size, without unused parameters or deadlocks."""
    results = {}
    for name in catalog.list_recipes():
        model, average = toy(name), EMAWeightAveraging(decay=0.9)
        trainer = trainer_of(folder, 2, average)
        trainer.fit(model, datamodule=toy_data(name))
        results[name] = dict(model.named_parameters()), average._average_model.state_dict()
    torch.save(results, folder / f"recipes-{rank}.pt")


def run_command(folder: Path) -> None:
    """Run `zoo fit` on all ranks: to the end; interrupted on the last rank, then resumed."""
    os.chdir(folder)
    fit("dcgan-digits")
    callback = ["--trainer.callbacks+", "toys.Interruption", "--trainer.callbacks.step", "2"]
    Interruption.interrupted.clear()
    try:
        fit("dcgan-digits", *callback, "--trainer.callbacks.kind", "SIGTERM")
    except SystemExit:
        fit("dcgan-digits", "--ckpt_path", "last")


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    train_kinds(place, rank)
    train_recipes(place, rank)
    run_command(place)
