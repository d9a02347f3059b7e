"""Base classes of models with latents: with labels, with an encoder, with a density of codes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from zoo.checks import check_latents, checked_labels
from zoo.core.module import CHUNK, ZooModule, eval_in_chunks
from zoo.layers.noise import normal
from zoo.layers.precision import at_least_float32
from zoo.layers.samplers import GaussianMixtureSampler


class LatentVariableModel(ZooModule, ABC):
    """A model of images with latents z ~ N(0, I); needs `hparams.latent`."""

    @property
    def latent_size(self) -> int:
        """The number of dimensions of a latent."""
        return int(self.hparams["latent"])

    def validate_latents(self, z: Tensor) -> Tensor:
        """Latents in this model's number format; raises BadInput unless they are (n, latent)."""
        check_latents(z, self.latent_size)
        return z.to(self.parameter_dtype)

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample z (n, latent). A seed gives the same latents on every device, and the first ones
        of a larger n."""
        return normal(n, self.latent_size, seed, self.device).to(self.parameter_dtype)

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1]; a seed fixes the latents."""
        return self.decode(self.prior(n, seed))

    def decode_chunks(self, z: Tensor) -> Iterator[Tensor]:
        """`decode` of latents (n, latent), in chunks."""
        return map(self.decode, self.validate_latents(z).split(CHUNK))

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The images of `sample`, in chunks."""
        return self.decode_chunks(self.prior(n, seed))


class LabeledModel(ZooModule):
    """A model of class labels from 0; needs `hparams.classes`."""

    def cyclic_labels(self, n: int) -> Tensor:
        """Labels (n,) that cycle through the classes."""
        return torch.arange(n, device=self.device) % self.hparams["classes"]

    def validate_labels(self, n: int, labels: Tensor | None) -> Tensor:
        """Labels (n,) as int64 on this model's device, by default `cyclic_labels`. Raises BadInput
        unless they are n classes of this model."""
        if labels is None:
            return self.cyclic_labels(n)
        return checked_labels(labels, n, self.hparams["classes"]).to(self.device)


class ConditionalModel(LatentVariableModel, LabeledModel):
    """A model of images with latents and class labels; needs `hparams.classes`."""

    @abstractmethod
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent) and labels (n,), by default `cyclic_labels`, to images in [-1, 1].
        Raises BadInput for invalid labels."""

    def sample(self, n: int, seed: int | None = None, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] of the classes `labels` (n,), by default
        `cyclic_labels`; a seed fixes the latents. Raises BadInput for invalid labels."""
        return self.decode(self.prior(n, seed), labels)

    def decode_chunks(self, z: Tensor) -> Iterator[Tensor]:
        z = self.validate_latents(z)
        chunks = zip(z.split(CHUNK), self.cyclic_labels(len(z)).split(CHUNK), strict=True)
        return (self.decode(some, labels) for some, labels in chunks)


class EncoderDecoder(LatentVariableModel):
    """A deterministic codec: a subclass builds `encoder`, images to codes (n, latent), and
    `decoder`, codes to images in [-1, 1]."""

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
        """Reconstructions of images (n, channels, size, size) in [-1, 1]."""
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
        """Fit the density of codes to those of training images (n, latent)."""
        self.sampler.fit(codes)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample codes (n, latent) from the fitted density."""
        return self.sampler.sample(n, seed)
