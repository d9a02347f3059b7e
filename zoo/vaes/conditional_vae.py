"""Conditional VAE. Sohn, Lee & Yan, 2015, https://papers.nips.cc/paper/5775

Encoder and decoder are told the class, so that the code need only say what the class does not;
its prior is the same for all classes (the relaxed form of section 4).
"""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import one_hot

from zoo.checks import check_count
from zoo.core.latent_models import ConditionalModel
from zoo.core.module import eval_in_chunks
from zoo.vaes.vae import NETWORKS, VAE, Likelihood, Network, diagonal_normal


class ConditionalVAE(ConditionalModel, VAE):
    """Climbs a bound on log p(x | y). An image without a label gets the one that explains it best,
    and pays log(classes) nats for not having been told."""

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent: int = 128,
        width: int = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "gaussian",
        noise: float = 0.1,
        classes: int = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)
        encoder, decoder = NETWORKS[network]
        self.encoder = encoder(2 * latent, width, size, channels + classes)
        self.decoder = decoder(latent + classes, width, size, channels)
        self.to(memory_format=torch.channels_last)

    def posterior(self, x: Tensor, labels: Tensor | None = None) -> Normal:
        """q(z | x, y) of images and labels (n,), each (n, latent)."""
        x = self.validate_images(x)
        y = self.one_hot(self.infer(x) if labels is None else self.validate_labels(len(x), labels))
        return diagonal_normal(
            self.encoder(torch.cat([x, y[..., None, None].expand(-1, -1, *x.shape[2:])], 1))
        )

    def concat_labels(self, z: Tensor, labels: Tensor) -> Tensor:
        """What the decoder sees: latents (..., n, latent) beside their labels (n,)."""
        return torch.cat([z, self.one_hot(labels).expand(*z.shape[:-1], -1)], -1)

    def one_hot(self, labels: Tensor) -> Tensor:
        return one_hot(labels, self.hparams["classes"]).to(self.parameter_dtype)

    def elbo_terms(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images x, each (n,), in nats; with labels (n,) of
        log p(x | y), without them of log p(x)."""
        x = self.validate_images(x)
        y = self.infer(x) if labels is None else self.validate_labels(len(x), labels)
        q = self.posterior(x, y)
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        surprise = math.log(self.hparams["classes"]) if labels is None else 0.0
        return self.log_likelihood(x, self.concat_labels(q.rsample(), y)), divergence + surprise

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x, y, z) - log q(z | x, y) of k draws of z, y inferred: (k, n), in nats."""
        check_count(k, "k", 1)
        y = self.infer(x)
        q = self.posterior(x, y)
        z = q.rsample(torch.Size([k]))
        log_joint = self.log_likelihood(x, self.concat_labels(z, y)) + self.log_prior(z)
        return log_joint - q.log_prob(z).sum(-1) - math.log(self.hparams["classes"])

    @torch.no_grad()
    def infer(self, x: Tensor) -> Tensor:
        """The class (n,) that explains each image best, by the bound at the posterior's mean."""
        bounds, x = [], self.validate_images(x)
        for y in range(self.hparams["classes"]):
            labels = torch.full((len(x),), y, device=x.device)
            q = self.posterior(x, labels)
            divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
            bounds += [self.log_likelihood(x, self.concat_labels(q.mean, labels)) - divergence]
        return torch.stack(bounds).argmax(0)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend KL(q || p) - E_q log p(x | y, z), by one draw."""
        x, y = batch
        bound = self.elbo_terms(x, y)
        log_likelihood, divergence = (term.mean() for term in bound)
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return divergence - log_likelihood

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        log_likelihood, divergence = self.elbo_terms(*batch)
        self.log("val/elbo", (log_likelihood - divergence).mean(), prog_bar=True, sync_dist=True)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent) and labels (n,), by default `cyclic_labels`, to the likelihood's
        means (n, channels, size, size) in [-1, 1]. Raises BadInput for invalid labels."""
        told = self.concat_labels(self.validate_latents(z), self.validate_labels(len(z), labels))
        mean = eval_in_chunks(self, told, lambda chunk: self.likelihood(chunk).mean)
        return self.to_pixels(mean)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] through the mean of their posterior, of the
        class that explains them best."""
        return self.decode(
            self.encode(x), eval_in_chunks(self, self.validate_images(x), self.infer)
        )
