"""IWAE. Burda, Grosse & Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519

A VAE whose k draws of the code share one bound, their importance-weighted mean: k = 1 is the VAE,
and the bound tightens towards log p(x) as k grows.
"""

from torch import Tensor

from zoo.metrics.bounds import importance_weighted
from zoo.vaes.vae import VAE, Likelihood, Network


class IWAE(VAE):
    """Climbs log((w_1 + ... + w_k) / k), w = p(x, z) / q(z | x); an image counts once, not k times.

    The defaults are section 5's: two hidden layers of 200, 50 latents, 50 draws.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        latent: int = 50,
        width: int = 200,
        network: Network = "dense-2",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        importance_samples: int = 50,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend minus the bound of section 3; its gradient weighs each draw by its share."""
        x, _ = batch
        bound = importance_weighted(
            self.log_importance_weights(x, self.hparams["importance_samples"])
        )
        self.log_on_interval({"bound": bound})
        return -bound
