"""VAE. Kingma & Welling, 2013, https://arxiv.org/abs/1312.6114

An autoencoder whose code is a distribution, trained on one bound on the likelihood of the data.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Normal, kl_divergence
from torch.optim import Adam, Optimizer

from zoo.checks import check_count
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
    """Climbs the evidence lower bound, in nats per image.

    `width` is that of the hidden layers of a dense network, and of the outermost layer of a
    convolutional one. `gaussian` is a density of pixels in [-1, 1] with standard deviation `noise`;
    `bernoulli` takes a pixel's brightness in [0, 1] as the probability of white.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent: int = 128,
        width: int = 32,
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
        """q(z | x), each (n, latent)."""
        return diagonal_normal(self.encoder(self.validate_images(x)))

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x | z) of latents (..., latent), each (..., channels, size, size)."""
        flat = z.flatten(0, -2).to(self.parameter_dtype)
        pixels = at_least_float32(self.decoder(flat)).unflatten(0, z.shape[:-1])
        if self.hparams["likelihood"] == "bernoulli":
            return Bernoulli(logits=pixels, validate_args=False)
        return Normal(pixels.tanh(), self.hparams["noise"], validate_args=False)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) of images (n, channels, size, size) and latents (..., n, latent): (..., n),
        in nats."""
        self.validate_images(x)  # for its checks: a density has the precision of the images
        x = at_least_float32(x)
        target = (x + 1) / 2 if self.hparams["likelihood"] == "bernoulli" else x
        return self.likelihood(z).log_prob(target).flatten(-3).sum(-1)

    def pixel_std(self) -> float | None:
        """The standard deviation of the density of pixels in [-1, 1]; none of a Bernoulli's."""
        return None if self.hparams["likelihood"] == "bernoulli" else self.hparams["noise"]

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) of latents (..., latent): (...), in nats."""
        return Normal(0.0, 1.0, validate_args=False).log_prob(z).sum(-1)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images x, each (n,), in nats; their difference is
        the evidence lower bound (equation 10 with one sample)."""
        q = self.posterior(x)
        z = q.rsample()  # mean + std * noise, so that gradients reach the encoder
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        return self.log_likelihood(x, z), divergence

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x, z) - log q(z | x) of k draws of z for each of the images x: (k, n), in nats."""
        check_count(k, "k", 1)
        q = self.posterior(x)
        z = q.rsample(torch.Size([k]))
        return self.log_likelihood(x, z) + self.log_prior(z) - q.log_prob(z).sum(-1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend KL(q || p) - E_q log p(x | z)."""
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
        """Images (n, channels, size, size) in [-1, 1] to posterior means (n, latent)."""
        return eval_in_chunks(
            self, self.validate_images(x), lambda chunk: self.posterior(chunk).mean
        )

    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to the likelihood's means (n, channels, size, size) in [-1, 1]."""
        return self.to_pixels(
            eval_in_chunks(
                self, self.validate_latents(z), lambda chunk: self.likelihood(chunk).mean
            )
        )

    def to_pixels(self, mean: Tensor) -> Tensor:
        """Means of the likelihood to pixels in [-1, 1]."""
        return 2 * mean - 1 if self.hparams["likelihood"] == "bernoulli" else mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] through the mean of their posterior."""
        return self.decode(self.encode(x))


def diagonal_normal(features: Tensor) -> Normal:
    """Normals (n, latent) of an encoder's features (n, 2 * latent), means before log-variances; in
    float32 or better, as nats need it."""
    mean, log_variance = at_least_float32(features).chunk(2, dim=1)
    return Normal(mean, (log_variance / 2).exp(), validate_args=False)
