"""VampPrior. Tomczak & Welling, 2018, https://arxiv.org/abs/1705.07120

The prior is a mixture of the posteriors of pseudo-inputs: images that are learned with the rest.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import hardtanh

from zoo.core.module import eval_in_chunks
from zoo.layers.noise import seeded
from zoo.vaes.vae import VAE, Likelihood, Network


class VampVAE(VAE):
    """A VAE whose prior is where its posterior is: `components` pseudo-inputs, 500 in section 5."""

    def __init__(
        self,
        size: int = 32,
        channels: int = 1,
        latent: int = 40,
        width: int = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        components: int = 500,
        lr: float = 5e-4,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)
        self.inputs = nn.Parameter(torch.randn(components, channels, size, size) / 2)

    def pseudo_inputs(self) -> Tensor:
        """Images u (components, channels, size, size) in [-1, 1]."""
        return hardtanh(self.inputs)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images x, each (n,), in nats, from one draw of z,
        as the divergence from a mixture has no closed form."""
        x, u = self.validate_images(x), self.pseudo_inputs()
        both = self.posterior(torch.cat([x, u]))  # in one batch, to be normalised alike
        (mean, at), (std, spread) = (t.split([len(x), len(u)]) for t in (both.mean, both.stddev))
        q = Normal(mean, std, validate_args=False)
        z = q.rsample()
        return self.log_likelihood(x, z), q.log_prob(z).sum(1) - mixture(z, at, spread)

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) of latents (..., latent): (...), in nats."""
        q = self.posterior(self.pseudo_inputs())
        return mixture(z, q.mean, q.stddev)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Draw z (n, latent) from the posteriors of random pseudo-inputs; a seed gives the same
        latents on every device, and more of them continue the fewer."""
        generator = seeded(n, seed)
        u = self.pseudo_inputs().detach()
        mean = self.encode(u)
        std = eval_in_chunks(self, u, lambda chunk: self.posterior(chunk).stddev)
        chosen = torch.randint(len(u), (n,), generator=generator).to(u.device)
        z = mean[chosen] + std[chosen] * super().prior(n, seed)
        return z.to(self.parameter_dtype)


def mixture(z: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """The log-density (...) at z (..., latent) of normals (components, latent) in equal shares."""
    each = Normal(means, stds, validate_args=False).log_prob(z[..., None, :]).sum(-1)
    return each.logsumexp(-1) - math.log(len(means))
