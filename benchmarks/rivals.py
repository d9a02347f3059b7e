"""Recipes of GANs, and hand-written variants of their training steps for comparison."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.module import enable_fused_optimizers
from zoo.data import ImageDataModule
from zoo.gans.sngan import SNGAN
from zoo.losses.adversarial import hinge
from zoo.training.precision import device_of, resolve_precision

ROOT = Path(__file__).resolve().parents[1]

Rival = Iterator[None]  # each next() is one step


class Spec(NamedTuple):
    """Parts of a recipe that a comparison needs."""

    model: LatentAdversarialModule
    data: ImageDataModule
    trainer: Mapping[str, str | int | float]

    @property
    def bfloat16(self) -> bool:
        return str(self.trainer.get("precision", "")).startswith("bf16")


def recipe(name: str = "dcgan-fashion-mnist") -> Spec:
    """Model, data and Trainer settings of a recipe, without callbacks."""
    wanted = yaml.safe_load((ROOT / "recipes" / f"{name}.yaml").read_text())
    trainer = {name: v for name, v in wanted["trainer"].items() if name != "callbacks"}
    trainer["precision"] = resolve_precision(trainer.get("precision", "32-true"), device_of("auto"))
    model, data = (build(wanted[part]) for part in ("model", "data"))
    assert isinstance(model, LatentAdversarialModule)
    assert isinstance(data, ImageDataModule)
    data.root = Path(os.environ.get("ZOO_DATA") or ROOT / "data")
    return Spec(model, data, trainer)


def gans() -> list[str]:
    """Names of the GAN recipes of Fashion-MNIST."""
    paths = sorted((ROOT / "recipes").glob("*-fashion-mnist.yaml"))
    return [path.stem for path in paths if "class_path: zoo.gans." in path.read_text()]


def residual() -> Spec:
    """SNGAN with the paper's widths at 32 pixels, one step of each player, batches of 64."""
    spec = recipe("sngan-fashion-mnist")
    spec.data.batch_size = 64
    return spec._replace(model=SNGAN(channels=1, discriminator_steps=1))


def build(part: Mapping[str, Any]) -> Any:
    """Instance of a recipe's class_path and init_args."""
    module, _, name = part["class_path"].rpartition(".")
    return getattr(import_module(module), name)(**dict(part.get("init_args", {})))


def torchvision_batches(data: ImageDataModule, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of Fashion-MNIST, loaded as in tutorials."""
    steps = [transforms.Pad(2), transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
    images = datasets.FashionMNIST(str(data.root), transform=transforms.Compose(steps))
    loader = DataLoader(
        images, batch_size, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True
    )
    while True:
        yield from loader


def our_batches(data: ImageDataModule, device: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of the zoo's data module, on the device."""
    loader = data.train_dataloader()
    while True:
        for pixels, labels in loader:
            yield data.on_after_batch_transfer((pixels.to(device), labels), 0)


def parts(spec: Spec, device: str) -> tuple[nn.Module, nn.Module, int, Optimizer, Optimizer]:
    """Discriminator, generator, size of a latent, and both optimizers, on the device."""
    model = spec.model.to(device)
    of_d, of_g = model.players().values()
    D, latent = model.get_submodule("discriminator"), int(model.hparams["latent"])
    return D, model.generator, latent, of_d, of_g


def plain(spec: Spec, device: str) -> Rival:
    """DCGAN as in tutorials: float32, NCHW, new fakes in each turn, discriminator not frozen."""
    spec.model.to(memory_format=torch.contiguous_format)
    D, G, latent, adam_d, adam_g = parts(spec, device)
    bce = binary_cross_entropy_with_logits
    for images, _ in torchvision_batches(spec.data, spec.data.batch_size):
        real = images.to(device)
        ones, zeros = (make(len(real), device=device) for make in (torch.ones, torch.zeros))
        adam_d.zero_grad()
        fake = G(torch.randn(len(real), latent, device=device)).detach()
        (bce(D(real), ones) + bce(D(fake), zeros)).backward()
        adam_d.step()
        adam_g.zero_grad()
        bce(D(G(torch.randn(len(real), latent, device=device))), ones).backward()
        adam_g.step()
        yield


def switched(spec: Spec, device: str) -> Rival:
    """Loop with channels last, shared fakes, a frozen discriminator; without Lightning."""
    D, G, latent, adam_d, adam_g = parts(spec, device)
    for real, _ in our_batches(spec.data, device):
        with torch.autocast(device, torch.bfloat16, enabled=spec.bfloat16):
            fake = G(torch.randn(len(real), latent, device=device))
            loss_d = softplus(-D(real)).mean() + softplus(D(fake.detach())).mean()
        descend(adam_d, loss_d)
        D.requires_grad_(False)
        with torch.autocast(device, torch.bfloat16, enabled=spec.bfloat16):
            loss_g = softplus(-D(fake)).mean()
        descend(adam_g, loss_g)
        D.requires_grad_(True)
        yield


def plain_residual(spec: Spec, device: str) -> Rival:
    """SNGAN as in tutorials: float32, NCHW, torch's spectral norm at every call.

    Each turn has new fakes, and the discriminator is not frozen.
    """
    spec.model.to(memory_format=torch.contiguous_format)
    D, G, latent, adam_d, adam_g = parts(spec, device)
    for images, _ in torchvision_batches(spec.data, spec.data.batch_size):
        real = images.to(device)
        fake = G(torch.randn(len(real), latent, device=device)).detach()
        descend(adam_d, hinge.discriminator(D(real), D(fake)))
        descend(adam_g, hinge.generator(D(G(torch.randn(2 * len(real), latent, device=device)))))
        yield


def by_hand(spec: Spec, device: str) -> Rival:
    """Training step of the model in a plain loop, with the zoo's batches, without Lightning."""
    model = spec.model.to(device)
    players = model.players()
    enable_fused_optimizers(list(players.values()))
    everyone = list(model.parameters())

    @contextmanager
    def turn(player: str) -> Iterator[Callable[[Tensor], None]]:
        moved = {id(w) for group in players[player].param_groups for w in group["params"]}
        for weight in everyone:
            weight.requires_grad_(id(weight) in moved)
        yield lambda loss: descend(players[player], loss)
        for weight in everyone:
            weight.requires_grad_(True)

    vars(model).update(turn=turn, note=lambda values: None)
    for batch in our_batches(spec.data, device):
        with torch.autocast(device, torch.bfloat16, enabled=spec.bfloat16):
            model.training_step(batch, 0)
        yield


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
