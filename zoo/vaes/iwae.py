"""IWAE. Burda, Grosse & Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519

A VAE whose bound is the log of the mean importance weight of k samples. For k = 1 it is the VAE's
bound; as k grows the bound tightens towards log p(x).
"""

from torch import Tensor

from zoo.core.arguments import Count, Width
from zoo.metrics.bounds import importance_weighted
from zoo.vaes.vae import VAE, Likelihood, Network


class IWAE(VAE):
    """IWAE: maximizes log((w_1 + ... + w_k) / k) with w = p(x, z) / q(z | x), in nats per image.

    The defaults are section 5's: two hidden layers of 200 units, 50 latents, k = 50.
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 50,
        width: Width = 200,
        network: Network = "dense-2",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        importance_samples: Count = 50,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Negative bound of section 3; its gradient weights sample i by w_i / (w_1 + ... + w_k)."""
        x, _ = batch
        bound = importance_weighted(
            self.log_importance_weights(x, self.hparams["importance_samples"])
        )
        self.log_on_interval({"bound": bound})
        return -bound
