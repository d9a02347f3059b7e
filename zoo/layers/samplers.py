"""Densities fitted on the codes of a finished autoencoder, so that it can draw images.

Ghosh et al., 2020, section 4, https://arxiv.org/abs/1903.12436: density estimation ex post.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from zoo.layers.noise import normal, uniform
from zoo.layers.precision import at_least_float32


class GaussianMixtureSampler(nn.Module):
    """A mixture of normals over codes (n, latent), each with a full covariance; with one component
    it is a normal. Until it is fitted, every component is the standard normal."""

    shares: Tensor
    means: Tensor
    scales: Tensor  # lower triangular roots of the covariances

    def __init__(self, latent: int, components: int = 1) -> None:
        super().__init__()
        self.register_buffer("shares", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, latent))
        self.register_buffer("scales", torch.eye(latent).repeat(components, 1, 1))

    def fit(self, codes: Tensor, seed: int = 0) -> None:
        """Maximise the likelihood of codes (n, latent), by scikit-learn's EM from k-means.

        Raises ValueError for fewer codes than components.
        """
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(len(self.shares), reg_covar=1e-5, random_state=seed)
        mixture.fit(codes.double().cpu().numpy())
        self.shares.copy_(torch.from_numpy(mixture.weights_))
        self.means.copy_(torch.from_numpy(mixture.means_))
        self.scales.copy_(torch.linalg.cholesky(torch.from_numpy(mixture.covariances_)))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Codes (n, latent); a seed gives the same ones on every device, and more of them continue
        the fewer."""
        components, latent = self.means.shape
        means, scales = at_least_float32(self.means), at_least_float32(self.scales)
        draws = normal(n, latent + 1, seed, "cpu").float()
        bounds = self.shares.cpu().float().cumsum(0)
        chosen = torch.searchsorted(bounds, uniform(draws[:, 0])).clamp(max=components - 1)
        noise, chosen = draws[:, 1:].to(means), chosen.to(means.device)
        codes = means[chosen]
        for component, scale in enumerate(scales):
            codes[chosen == component] += noise[chosen == component] @ scale.T
        return codes.to(self.means)

    def log_prob(self, codes: Tensor) -> Tensor:
        """Log-densities (n,) of codes (n, latent), in nats."""
        shares, means, scales = map(at_least_float32, (self.shares, self.means, self.scales))
        normals = MultivariateNormal(means, scale_tril=scales)
        return MixtureSameFamily(Categorical(shares), normals).log_prob(codes.to(means))
