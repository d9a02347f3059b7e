"""The little that all animals share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from zoo.checks import OVERSHOOT, check_batch, check_images, check_latents, checked_labels
from zoo.core.modality import Images, Modality
from zoo.core.schedules import ResumableOneCycleLR, finite_steps
from zoo.layers.noise import normal
from zoo.layers.precision import at_least_float32
from zoo.layers.samplers import GaussianMixtureSampler

CHUNK = 256  # images that pass through a network at once, outside of training


class ZooModule(LightningModule):
    """A module of the zoo: it counts the images it has seen, and it logs sparingly.

    `inference_modules` names the children that a weights file holds; empty means all of them.
    `double_backward` declares that a training step differentiates a gradient, as penalties do.
    """

    inference_modules: ClassVar[tuple[str, ...]] = ()
    double_backward: ClassVar[bool] = False
    pixel_limit: float = OVERSHOOT  # of |x| in images that are taken

    def __init__(self) -> None:
        super().__init__()
        self.images_seen = self.checked_batch_size = 0

    @property
    def parameter_dtype(self) -> torch.dtype:
        """The number format of the parameters, whichever call converted them."""
        return next((p.dtype for p in self.parameters()), torch.float32)

    @property
    def modality(self) -> Modality:
        """What this model takes and returns: images of its arguments `channels` and `size`, of any
        shape where it has neither. A model of other data overrides it."""
        channels, size = self.hparams.get("channels"), self.hparams.get("size")
        return Images(() if channels is None or size is None else ((channels, size, size),))

    @property
    def sub_batches(self) -> int:
        """How many equal parts a training step splits a batch into."""
        return 1

    @property
    def min_sub_batch(self) -> int:
        """The number of images that a training step needs in each part of a batch."""
        return 1

    def check_batch(self, n: int) -> None:
        """Raise BadRecipe for batches of n images, of which a training step can make nothing."""
        check_batch(n, self.sub_batches, self.min_sub_batch, type(self).__name__)

    def validate_images(self, x: Tensor) -> Tensor:
        """Images in this model's number format. Raises BadInput unless they are of a shape that
        `modality` lists and in [-1, 1]; a training step does not wait for a look at the values."""
        training = self._trainer is not None and self._trainer.training
        shapes = self.modality.shapes if isinstance(self.modality, Images) else ()
        check_images(x, shapes, not training, self.pixel_limit)
        return x.to(self.parameter_dtype)

    def on_fit_start(self) -> None:
        if not any(module.training for module in self.modules()):  # as loading leaves it
            self.train()
        if self.trainer.world_size > 1:  # each rank draws latents of its own
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        enable_fused_optimizers(self.trainer.optimizers)

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        if (n := len(batch[0])) != self.checked_batch_size:
            self.check_batch(n)
        self.checked_batch_size = n
        self.images_seen += n * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        for buffer in self.buffers() if self.trainer.world_size > 1 else ():
            torch.distributed.broadcast(buffer, 0)  # so that the ranks average the same statistics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["images_seen"] = self.images_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.images_seen = checkpoint["images_seen"]

    def log_on_interval(self, values: Mapping[str, Tensor]) -> None:
        """Log, but only on the steps that reach a logger: a `self.log` a step costs dearly."""
        step = self.trainer.fit_loop.epoch_loop._batches_that_stepped + 1  # as loggers count
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and step % every == 0:
            self.log_dict({name: value.detach() for name, value in values.items()}, prog_bar=True)

    def one_cycle(self, optimizer: Optimizer, peak: float) -> OptimizerLRSchedulerConfig:
        """The optimizer, its learning rate up to `peak` and down to nothing, once in the training.
        Smith & Topin, 2017, https://arxiv.org/abs/1708.07120"""
        steps = finite_steps(self.trainer.estimated_stepping_batches)
        schedule = ResumableOneCycleLR(optimizer, peak, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class LatentVariableModel(ZooModule, ABC):
    """It explains an image by a latent z ~ N(0, I); needs `hparams.latent`."""

    @property
    def latent_size(self) -> int:
        """The width of a latent."""
        return int(self.hparams["latent"])

    def validate_latents(self, z: Tensor) -> Tensor:
        """Latents in this model's number format; raises BadInput for others than (n, latent)."""
        check_latents(z, self.latent_size)
        return z.to(self.parameter_dtype)

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Draw z (n, latent); a seed gives the same latents on every device, and more of them
        continue the fewer."""
        return normal(n, self.latent_size, seed, self.device).to(self.parameter_dtype)

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1]; a seed fixes the latents."""
        return self.decode(self.prior(n, seed))

    def decode_chunks(self, z: Tensor) -> Iterator[Tensor]:
        """`decode` of latents (n, latent), a few at a time."""
        return map(self.decode, self.validate_latents(z).split(CHUNK))

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The images of `sample`, a few at a time."""
        return self.decode_chunks(self.prior(n, seed))


class ConditionalModel(LatentVariableModel):
    """It explains an image by a latent and its class; needs `hparams.classes`."""

    @abstractmethod
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent) and labels (n,), by default `cyclic_labels`, to images in [-1, 1].
        Raises BadInput for invalid labels."""

    def cyclic_labels(self, n: int) -> Tensor:
        """Labels (n,): every class in its turn."""
        return torch.arange(n, device=self.device) % self.hparams["classes"]

    def sample(self, n: int, seed: int | None = None, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] of the classes `labels` (n,), by default
        `cyclic_labels`; a seed fixes the latents. Raises BadInput for labels that do not fit."""
        return self.decode(self.prior(n, seed), labels)

    def decode_chunks(self, z: Tensor) -> Iterator[Tensor]:
        z = self.validate_latents(z)
        chunks = zip(z.split(CHUNK), self.cyclic_labels(len(z)).split(CHUNK), strict=True)
        return (self.decode(some, labels) for some, labels in chunks)

    def validate_labels(self, n: int, labels: Tensor | None) -> Tensor:
        """Labels (n,) as int64 on this model's device, by default `cyclic_labels`. Raises BadInput
        unless they are n classes of this model."""
        if labels is None:
            return self.cyclic_labels(n)
        return checked_labels(labels, n, self.hparams["classes"]).to(self.device)


class EncoderDecoder(LatentVariableModel):
    """It encodes and decodes, without chance: a subclass builds `encoder`, images to codes
    (n, latent), and `decoder`, codes to images in [-1, 1]."""

    encoder: nn.Module
    decoder: nn.Module

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to codes (n, latent)."""
        return at_least_float32(eval_in_chunks(self, self.validate_images(x), self.encoder))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        return at_least_float32(eval_in_chunks(self, self.validate_latents(z), self.decoder)).clamp(
            -1, 1
        )

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
    `require_sampling`, which `zoo export` fits on the training images."""

    sampler: GaussianMixtureSampler

    def fit_sampler(self, codes: Tensor) -> None:
        """Fit what `sample` draws codes from, on those of training images (n, latent)."""
        self.sampler.fit(codes)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Draw codes (n, latent) from the density that was fitted."""
        return self.sampler.sample(n, seed)


def enable_fused_optimizers(optimizers: list[Optimizer]) -> None:
    """Have Adam and SGD pass over the weights once a step, on CPUs and CUDA; a checkpoint's own way
    is restored with it. Set here, after they are built, gradients are still unscaled before the
    step, so that float16 can be watched and clipped: `Adam(fused=True)` asks to do that itself."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        if "fused" in group and {p.device.type for p in group["params"]} <= {"cpu", "cuda"}:
            group["fused"] = True


def eval_in_chunks(
    network: nn.Module, inputs: Tensor, through: Callable[[Tensor], Tensor]
) -> Tensor:
    """`through(inputs)` in chunks, `network` being in evaluation mode; a bar if it takes long.
    There are gradients only where the inputs ask for some."""
    chunks = tqdm(inputs.split(CHUNK), "images", leave=False, disable=None, delay=2)
    with (
        eval_mode(network),
        torch.set_grad_enabled(inputs.requires_grad and torch.is_grad_enabled()),
    ):
        return torch.cat([through(chunk) for chunk in chunks])


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Within, all modules are in evaluation mode; then each is in its own again."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
