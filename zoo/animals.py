"""The little that all animals share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from tqdm import tqdm

from zoo.errors import ZooError
from zoo.layers.draws import normal
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.schedules import ResumableOneCycleLR

CHUNK = 256  # images that pass through a network at once, outside of training


class Animal(LightningModule):
    """A module of the zoo: it counts the images it has seen, and it logs sparingly.

    `ships` names the children that a weights file holds; empty means all of them.
    """

    ships: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.images_seen = 0

    def on_fit_start(self) -> None:
        if self.trainer.world_size > 1:  # each rank draws latents of its own
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        fuse(self.trainer.optimizers)

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        self.images_seen += len(batch[0]) * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        for buffer in self.buffers() if self.trainer.world_size > 1 else ():
            torch.distributed.broadcast(buffer, 0)  # so that the ranks average the same statistics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["images_seen"] = self.images_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.images_seen = checkpoint["images_seen"]

    def note(self, values: Mapping[str, Tensor]) -> None:
        """Log, but only on the steps that reach a logger: a `self.log` a step costs dearly."""
        step = self.trainer.fit_loop.epoch_loop._batches_that_stepped + 1  # as loggers count
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and step % every == 0:
            self.log_dict({name: value.detach() for name, value in values.items()}, prog_bar=True)

    def one_cycle(self, optimizer: Optimizer, peak: float) -> OptimizerLRSchedulerConfig:
        """The optimizer, its learning rate up to `peak` and down to nothing, once in the training.
        Smith & Topin, 2017, https://arxiv.org/abs/1708.07120"""
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = ResumableOneCycleLR(optimizer, peak, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class LatentVariableModel(Animal, ABC):
    """It explains an image by a latent z ~ N(0, I); needs `hparams.latent`."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Draw z (n, latent); a seed gives the same latents on every device, and more of them
        continue the fewer."""
        return normal(n, self.hparams["latent"], seed, self.device)

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1]; a seed fixes the latents."""
        return self.decode(self.prior(n, seed))


class ConditionalModel(LatentVariableModel):
    """It explains an image by a latent and its class; needs `hparams.classes`."""

    @abstractmethod
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent) and labels (n,), by default `in_turn`, to images in [-1, 1]. Raises
        ZooError for labels that do not fit."""

    def in_turn(self, n: int) -> Tensor:
        """Labels (n,): every class in its turn."""
        return torch.arange(n, device=self.device) % self.hparams["classes"]

    def sample(self, n: int, seed: int | None = None, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] of the classes `labels` (n,), by default
        `in_turn`; a seed fixes the latents. Raises ZooError for labels that do not fit."""
        return self.decode(self.prior(n, seed), labels)

    def asked(self, n: int, labels: Tensor | None) -> Tensor:
        """Labels (n,) as int64 on this model's device, by default `in_turn`. Raises ZooError unless
        they are n classes of this model."""
        if labels is None:
            return self.in_turn(n)
        labels, classes = torch.as_tensor(labels, device=self.device), self.hparams["classes"]
        if labels.shape != (n,) or labels.is_floating_point() or labels.dtype == torch.bool:
            found = f"{labels.dtype} of shape {tuple(labels.shape)}"
            raise ZooError(f"labels must be {n} whole numbers, not {found}")
        if ((labels < 0) | (labels >= classes)).any():
            raise ZooError(f"labels are from 0 to {classes - 1}, not {labels.unique().tolist()}")
        return labels.long()


class EncoderDecoder(LatentVariableModel):
    """It encodes and decodes, without chance: a subclass builds `encoder`, images to codes
    (n, latent), and `decoder`, codes to images in [-1, 1]."""

    encoder: nn.Module
    decoder: nn.Module

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to codes (n, latent)."""
        return apply(self, x, self.encoder).float()

    def decode(self, z: Tensor) -> Tensor:
        """Codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        return apply(self, z, self.decoder).float().clamp(-1, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1], through their codes and back."""
        return self.decode(self.encode(x))

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the mean squared error of a pixel in [0, 1]."""
        x, _ = batch
        error = (self.reconstruct(x) - x).div(2).square().mean()
        self.log("val/mse", error, prog_bar=True, sync_dist=True)


class Autoencoder(EncoderDecoder):
    """A density fitted on its codes afterwards makes a generator of it: a subclass also builds
    `sampler`, which `zoo export` fits on the training images."""

    sampler: GaussianMixtureSampler

    def fit_sampler(self, codes: Tensor) -> None:
        """Fit what `sample` draws codes from, on those of training images (n, latent)."""
        self.sampler.fit(codes)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Draw codes (n, latent) from the density that was fitted."""
        return self.sampler.draw(n, seed)


class ImageClassifier(Animal, ABC):
    """It tells classes apart: a subclass builds `head`, and `forward` from images to what it
    sees."""

    head: nn.Linear

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = cross_entropy(self.head(self(x)), y)
        self.note({"cross_entropy": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        right = (self.head(self(x)).argmax(1) == y).float()
        self.log("val/accuracy", right.mean(), prog_bar=True, sync_dist=True)

    def features(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to what the last layer sees, (n, d)."""
        return apply(self, x, self)

    def classify(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to logits (n, classes)."""
        return apply(self, x, lambda chunk: self.head(self(chunk)))


def fuse(optimizers: list[Optimizer]) -> None:
    """Have Adam and SGD pass over the weights once a step, on CPUs and CUDA; a checkpoint's own way
    is restored with it. Set here, after they are built, gradients are still unscaled before the
    step, so that float16 can be watched and clipped: `Adam(fused=True)` asks to do that itself."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        if "fused" in group and {p.device.type for p in group["params"]} <= {"cpu", "cuda"}:
            group["fused"] = True


def apply(network: nn.Module, inputs: Tensor, through: Callable[[Tensor], Tensor]) -> Tensor:
    """`through(inputs)` in chunks, `network` being in evaluation mode; a bar if it takes long.
    There are gradients only where the inputs ask for some."""
    was_training = network.training
    network.eval()
    chunks = tqdm(inputs.split(CHUNK), "images", leave=False, disable=None, delay=2)
    try:
        with torch.set_grad_enabled(inputs.requires_grad and torch.is_grad_enabled()):
            return torch.cat([through(chunk) for chunk in chunks])
    finally:
        network.train(was_training)
