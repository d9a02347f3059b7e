"""Densities fitted to the codes of a trained autoencoder, from which codes are sampled.

Ghosh et al., 2020, section 4, https://arxiv.org/abs/1903.12436: ex-post density estimation.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from zoo.layers.noise import normal, uniform
from zoo.layers.precision import at_least_float32


class GaussianMixtureSampler(nn.Module):
    """Mixture of normals with full covariances over codes (n, latent).

    Until it is fitted, every component is the standard normal.
    """

    shares: Tensor  # mixture weights (components,)
    means: Tensor  # (components, latent)
    scales: Tensor  # Cholesky factors of the covariances (components, latent, latent)

    def __init__(self, latent: int, components: int = 1) -> None:
        super().__init__()
        self.register_buffer("shares", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, latent))
        self.register_buffer("scales", torch.eye(latent).repeat(components, 1, 1))

    def fit(self, codes: Tensor, seed: int = 0) -> None:
        """Fit the mixture to codes (n, latent) by scikit-learn's EM, initialized by k-means.

        Raises ValueError if there are fewer codes than components.
        """
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(len(self.shares), reg_covar=1e-5, random_state=seed)
        mixture.fit(codes.double().cpu().numpy())
        self.shares.copy_(torch.from_numpy(mixture.weights_))
        self.means.copy_(torch.from_numpy(mixture.means_))
        self.scales.copy_(torch.linalg.cholesky(torch.from_numpy(mixture.covariances_)))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Sample codes (n, latent).

        A seed gives the same codes on every device; a larger n extends those of a smaller n.
        Raises BadInput for an invalid n or seed.
        """
        components, latent = self.means.shape
        means, scales = at_least_float32(self.means), at_least_float32(self.scales)
        samples = normal(n, latent + 1, seed, "cpu").float()  # column 0 selects the component
        cdf = self.shares.cpu().float().cumsum(0)
        component = torch.searchsorted(cdf, uniform(samples[:, 0])).clamp(max=components - 1)
        noise, component = samples[:, 1:].to(means), component.to(means.device)
        codes = means[component]
        for k, scale in enumerate(scales):  # a covariance for each sample would not fit in memory
            codes[component == k] += noise[component == k] @ scale.T
        return codes.to(self.means)

    def log_prob(self, codes: Tensor) -> Tensor:
        """Log-density (n,) at codes (n, latent), in nats."""
        shares, means, scales = map(at_least_float32, (self.shares, self.means, self.scales))
        normals = MultivariateNormal(means, scale_tril=scales)
        return MixtureSameFamily(Categorical(shares), normals).log_prob(codes.to(means))
