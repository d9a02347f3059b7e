"""Conditional VAE. Sohn, Lee & Yan, 2015, https://papers.nips.cc/paper/5775

Encoder and decoder receive the class, so that the latent encodes only what the class does not
determine. The prior is the same for all classes (the relaxed form of section 4).
"""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import one_hot

from zoo.checks import check_count
from zoo.core.arguments import Count, Width
from zoo.core.latent_models import ConditionalModel
from zoo.core.module import eval_in_chunks
from zoo.vaes.vae import NETWORKS, VAE, Likelihood, Network, diagonal_normal


class ConditionalVAE(ConditionalModel, VAE):
    """Conditional VAE: maximizes a lower bound on log p(x | y), in nats per image.

    For an image without a label the bound is on log p(x): the label y with the highest bound on
    log p(x | y), minus log(classes), because log p(x) >= log p(x | y) + log p(y).
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
        classes: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)
        encoder, decoder = NETWORKS[network]
        self.encoder = encoder(2 * latent, width, size, channels + classes)
        self.decoder = decoder(latent + classes, width, size, channels)
        self.to(memory_format=torch.channels_last)

    def posterior(self, x: Tensor, labels: Tensor | None = None) -> Normal:
        """Approximate posterior q(z | x, y) with mean and standard deviation (n, latent).

        Images (n, channels, size, size) in [-1, 1]; without labels (n,), those of `infer_labels`.
        """
        x = self.validate_images(x)
        if labels is None:
            labels = self.infer_labels(x)
        y = self.one_hot(self.validate_labels(len(x), labels))
        maps = y[..., None, None].expand(-1, -1, *x.shape[2:])  # (n, classes, size, size)
        return diagonal_normal(self.encoder(torch.cat([x, maps], 1)))

    def concat_labels(self, z: Tensor, labels: Tensor) -> Tensor:
        """Concatenate latents (..., n, latent) with one-hot labels (n,), the decoder's input."""
        return torch.cat([z, self.one_hot(labels).expand(*z.shape[:-1], -1)], -1)

    def one_hot(self, labels: Tensor) -> Tensor:
        """Encode labels (n,) as one-hot vectors (n, classes) in the model's dtype."""
        return one_hot(labels, self.hparams["classes"]).to(self.parameter_dtype)

    def elbo_terms(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Log-likelihood and KL divergence of each image, two tensors (n,) in nats.

        Their difference bounds log p(x | y) with labels (n,), and log p(x) without.
        """
        x = self.validate_images(x)
        y = self.infer_labels(x) if labels is None else self.validate_labels(len(x), labels)
        q = self.posterior(x, y)
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        label_nats = math.log(self.hparams["classes"]) if labels is None else 0.0  # -log p(y)
        return self.log_likelihood(x, self.concat_labels(q.rsample(), y)), divergence + label_nats

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        """Log-weights log p(x, y, z) - log q(z | x, y) of k samples of z: (k, n), in nats.

        The labels y are those of `infer_labels`. Raises BadInput for k < 1.
        """
        check_count(k, "k", 1)
        y = self.infer_labels(x)
        q = self.posterior(x, y)
        z = q.rsample(torch.Size([k]))
        log_joint = self.log_likelihood(x, self.concat_labels(z, y)) + self.log_prior(z)
        return log_joint - q.log_prob(z).sum(-1) - math.log(self.hparams["classes"])

    @torch.no_grad()
    def infer_labels(self, x: Tensor) -> Tensor:
        """Class (n,) of each image with the highest bound, evaluated at the posterior's mean."""
        bounds, x = [], self.validate_images(x)
        for y in range(self.hparams["classes"]):
            labels = torch.full((len(x),), y, device=x.device)
            q = self.posterior(x, labels)
            divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
            bounds += [self.log_likelihood(x, self.concat_labels(q.mean, labels)) - divergence]
        return torch.stack(bounds).argmax(0)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss KL(q || p) - E_q log p(x | y, z), estimated with one sample, in nats per image."""
        x, y = batch
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(x, y))
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return divergence - log_likelihood

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        log_likelihood, divergence = self.elbo_terms(*batch)
        self.log("val/elbo", (log_likelihood - divergence).mean(), prog_bar=True, sync_dist=True)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decode latents (n, latent) and labels (n,) to images (n, channels, size, size).

        The images are the likelihood's means, in [-1, 1]. The labels are `cyclic_labels` unless
        given. Raises BadInput for invalid latents or labels.
        """
        z = self.validate_latents(z)
        inputs = self.concat_labels(z, self.validate_labels(len(z), labels))
        mean = eval_in_chunks(self, inputs, lambda chunk: self.likelihood(chunk).mean)
        return self.to_pixels(mean)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Decode the posterior means of images (n, channels, size, size) in [-1, 1].

        The labels are those of `infer_labels`.
        """
        labels = eval_in_chunks(self, self.validate_images(x), self.infer_labels)
        return self.decode(self.encode(x), labels)
