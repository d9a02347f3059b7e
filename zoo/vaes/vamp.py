"""VampPrior. Tomczak & Welling, 2018, https://arxiv.org/abs/1705.07120

The prior is a mixture of the posteriors of pseudo-inputs: images that are learned parameters.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import hardtanh

from zoo.core.arguments import Count, Width
from zoo.core.module import eval_in_chunks
from zoo.layers.noise import seeded
from zoo.vaes.vae import VAE, Likelihood, Network


class VampVAE(VAE):
    """VAE with a VampPrior of `components` pseudo-inputs, 500 in section 5."""

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 1,
        latent: Count = 40,
        width: Width = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        components: Count = 500,
        lr: float = 5e-4,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)
        self.inputs = nn.Parameter(torch.randn(components, channels, size, size) / 2)

    def pseudo_inputs(self) -> Tensor:
        """Pseudo-inputs u (components, channels, size, size) in [-1, 1]."""
        return hardtanh(self.inputs)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and KL divergence of each image, two tensors (n,) in nats.

        Both are estimated with one sample of z: the divergence from a mixture has no closed form.
        """
        x, u = self.validate_images(x), self.pseudo_inputs()
        both = self.posterior(torch.cat([x, u]))  # one batch, for the same batch norm statistics
        (mean, prior_mean), (std, prior_std) = (
            t.split([len(x), len(u)]) for t in (both.mean, both.stddev)
        )
        q = Normal(mean, std, validate_args=False)
        z = q.rsample()
        log_prior = mixture_log_prob(z, prior_mean, prior_std)
        return self.log_likelihood(x, z), q.log_prob(z).sum(1) - log_prior

    def log_prior(self, z: Tensor) -> Tensor:
        """Log-density (...) of the prior at latents (..., latent), in nats."""
        q = self.posterior(self.pseudo_inputs())
        return mixture_log_prob(z, q.mean, q.stddev)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample latents z (n, latent) from the posteriors of random pseudo-inputs.

        A seed gives the same latents on every device; a larger n extends those of a smaller n.
        """
        generator = seeded(n, seed)
        u = self.pseudo_inputs().detach()
        mean = self.encode(u)
        std = eval_in_chunks(self, u, lambda chunk: self.posterior(chunk).stddev)
        components = torch.randint(len(u), (n,), generator=generator).to(u.device)
        z = mean[components] + std[components] * super().prior(n, seed)
        return z.to(self.parameter_dtype)


def mixture_log_prob(z: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """Log-density (...) at z (..., latent) of a uniform mixture of normals (components, latent)."""
    log_probs = Normal(means, stds, validate_args=False).log_prob(z[..., None, :]).sum(-1)
    return log_probs.logsumexp(-1) - math.log(len(means))  # over the components
