"""VAE. Kingma & Welling, 2013, https://arxiv.org/abs/1312.6114

An autoencoder whose code is a distribution, trained on one bound on the likelihood of the data.
`beta` above one makes it a beta-VAE (Higgins et al., 2017).
"""

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal, kl_divergence
from torch.optim import Adam, Optimizer

from zoo.contracts import LatentVariableModel, apply
from zoo.layers.convnets import Decoder, Encoder


class VAE(LatentVariableModel):
    """Climbs the evidence lower bound, in nats per image.

    `gaussian` is a density of pixels in [-1, 1] with standard deviation `noise`; `bernoulli` takes
    a pixel's brightness in [0, 1] as the probability of white.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent: int = 128,
        width: int = 32,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        noise: float = 0.1,
        beta: float = 1.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(2 * latent, width, size, channels)
        self.decoder = Decoder(latent, width, size, channels)
        self.to(memory_format=torch.channels_last)

    def posterior(self, x: Tensor) -> Normal:
        """q(z | x), each (n, latent)."""
        mean, log_variance = self.encoder(x).to(x.dtype).chunk(2, dim=1)  # nats need float32
        return Normal(mean, (log_variance / 2).exp())

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x | z), each (n, channels, size, size)."""
        pixels = self.decoder(z).to(z.dtype)
        if self.hparams["likelihood"] == "bernoulli":
            return Bernoulli(logits=pixels, validate_args=False)
        return Normal(pixels.tanh(), self.hparams["noise"])

    def bound(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images x, each (n,), in nats; their difference is
        the evidence lower bound (equation 10 with one sample)."""
        q = self.posterior(x)
        z = q.rsample()  # mean + std * noise, so that gradients reach the encoder
        target = (x + 1) / 2 if self.hparams["likelihood"] == "bernoulli" else x
        log_likelihood = self.likelihood(z).log_prob(target).flatten(1).sum(1)
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        return log_likelihood, divergence

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend beta KL(q || p) - E_q log p(x | z)."""
        x, _ = batch
        log_likelihood, divergence = (term.mean() for term in self.bound(x))
        self.note({"log_likelihood": log_likelihood, "divergence": divergence})
        return self.hparams["beta"] * divergence - log_likelihood

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        log_likelihood, divergence = self.bound(batch[0])
        self.log("val/elbo", (log_likelihood - divergence).mean(), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"])

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to posterior means (n, latent)."""
        return apply(self, x, lambda chunk: self.posterior(chunk).mean)

    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to the likelihood's means (n, channels, size, size) in [-1, 1]."""
        mean = apply(self, z, lambda chunk: self.likelihood(chunk).mean).float()
        return 2 * mean - 1 if self.hparams["likelihood"] == "bernoulli" else mean

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] through the mean of their posterior."""
        return self.decode(self.encode(x))
