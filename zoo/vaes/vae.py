"""VAE. Kingma & Welling, 2013, https://arxiv.org/abs/1312.6114

An autoencoder whose code is a distribution. Training maximizes a lower bound on the likelihood.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Normal, kl_divergence
from torch.optim import Adam, Optimizer

from zoo.checks import check_count
from zoo.core.arguments import Count, Width
from zoo.core.latent_models import LatentVariableModel
from zoo.core.module import eval_in_chunks
from zoo.layers import convnets, mlp
from zoo.layers.precision import at_least_float32

Network = Literal["convolutional", "dense", "dense-2", "dense-2-norm"]
Likelihood = Literal["gaussian", "bernoulli"]

Build = Callable[[int, int, int, int], nn.Module]  # (features, width, size, channels)

NETWORKS: dict[Network, tuple[Build, Build]] = {
    "convolutional": (convnets.Encoder, convnets.Decoder),
    "dense": (mlp.Encoder, mlp.Decoder),  # one hidden layer: section 5
    "dense-2": (partial(mlp.Encoder, depth=2), partial(mlp.Decoder, depth=2)),
    "dense-2-norm": (
        partial(mlp.Encoder, depth=2, hidden=mlp.linear_bn_relu),
        partial(mlp.Decoder, depth=2, hidden=mlp.linear_bn_relu),
    ),
}


class VAE(LatentVariableModel):
    """VAE: maximizes the evidence lower bound (ELBO), in nats per image.

    `width` is the number of units of a hidden layer in a dense network, and of channels of the
    outermost layer in a convolutional one. The likelihood `gaussian` is a normal density of pixels
    in [-1, 1] with standard deviation `noise`; `bernoulli` treats a pixel's brightness in [0, 1] as
    the probability of white.
    """

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "gaussian",
        noise: float = 0.1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        encoder, decoder = NETWORKS[network]
        self.encoder = encoder(2 * latent, width, size, channels)
        self.decoder = decoder(latent, width, size, channels)
        self.to(memory_format=torch.channels_last)

    @property
    def min_sub_batch(self) -> int:
        return 2 if self.hparams["network"] == "dense-2-norm" else 1  # batch norm of dense layers

    def posterior(self, x: Tensor) -> Normal:
        """Approximate posterior q(z | x) with mean and standard deviation (n, latent)."""
        return diagonal_normal(self.encoder(self.validate_images(x)))

    def likelihood(self, z: Tensor) -> Distribution:
        """Distribution p(x | z) of pixels (..., channels, size, size) for latents (..., latent)."""
        flat = z.flatten(0, -2).to(self.parameter_dtype)
        pixels = at_least_float32(self.decoder(flat)).unflatten(0, z.shape[:-1])
        if self.hparams["likelihood"] == "bernoulli":
            return Bernoulli(logits=pixels, validate_args=False)
        return Normal(pixels.tanh(), self.hparams["noise"], validate_args=False)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log-likelihood log p(x | z), shape (..., n), in nats.

        Images (n, channels, size, size) in [-1, 1] and latents (..., n, latent).
        """
        self.validate_images(x)  # checks only: converted to half precision, the density is inexact
        x = at_least_float32(x)
        target = (x + 1) / 2 if self.hparams["likelihood"] == "bernoulli" else x
        return self.likelihood(z).log_prob(target).flatten(-3).sum(-1)

    def pixel_std(self) -> float | None:
        """Standard deviation of the density of pixels in [-1, 1]; None for a Bernoulli."""
        return None if self.hparams["likelihood"] == "bernoulli" else self.hparams["noise"]

    def log_prior(self, z: Tensor) -> Tensor:
        """Log-density (...) of the prior at latents (..., latent), in nats."""
        return Normal(0.0, 1.0, validate_args=False).log_prob(z).sum(-1)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and KL divergence of each image, two tensors (n,) in nats.

        Their difference is the evidence lower bound (equation 10 with one sample).
        """
        q = self.posterior(x)
        z = q.rsample()  # mean + std * noise, so that gradients reach the encoder
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        return self.log_likelihood(x, z), divergence

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        """Log-weights log p(x, z) - log q(z | x) of k samples of z for each image: (k, n), in nats.

        Raises BadInput for k < 1.
        """
        check_count(k, "k", 1)
        q = self.posterior(x)
        z = q.rsample(torch.Size([k]))
        return self.log_likelihood(x, z) + self.log_prior(z) - q.log_prob(z).sum(-1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss KL(q || p) - E_q log p(x | z), estimated with one sample, in nats per image."""
        x, _ = batch
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(x))
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return divergence - log_likelihood

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        log_likelihood, divergence = self.elbo_terms(batch[0])
        self.log("val/elbo", (log_likelihood - divergence).mean(), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"])

    def encode(self, x: Tensor) -> Tensor:
        """Posterior means (n, latent) of images (n, channels, size, size) in [-1, 1]."""
        return eval_in_chunks(
            self, self.validate_images(x), lambda chunk: self.posterior(chunk).mean
        )

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (n, latent) to the likelihood's means (n, channels, size, size).

        The means are pixels in [-1, 1].
        """
        return self.to_pixels(
            eval_in_chunks(
                self, self.validate_latents(z), lambda chunk: self.likelihood(chunk).mean
            )
        )

    def to_pixels(self, mean: Tensor) -> Tensor:
        """Convert means of the likelihood to pixels in [-1, 1]."""
        return 2 * mean - 1 if self.hparams["likelihood"] == "bernoulli" else mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """Decode the posterior means of images (n, channels, size, size) in [-1, 1]."""
        return self.decode(self.encode(x))


def diagonal_normal(features: Tensor) -> Normal:
    """Normals (n, latent) from an encoder's outputs (n, 2 * latent), in float32 or better.

    The means come first, then the log-variances.
    """
    mean, log_variance = at_least_float32(features).chunk(2, dim=1)
    return Normal(mean, (log_variance / 2).exp(), validate_args=False)
