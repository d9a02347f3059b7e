"""KL warm-up. Soenderby et al., 2016, https://arxiv.org/abs/1602.02282

The weight of the KL divergence grows from zero to one, which prevents posterior collapse early in
training. Bowman et al., 2015 (https://arxiv.org/abs/1511.06349), did so for text.
"""

from torch import Tensor

from zoo.core.arguments import Count, Width
from zoo.vaes.vae import VAE, Likelihood, Network


class WarmUpVAE(VAE):
    """VAE whose KL weight grows linearly from 0 to 1 over the first `warm_up_steps`."""

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "gaussian",
        noise: float = 0.1,
        warm_up_steps: int = 10_000,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss beta KL(q || p) - E_q log p(x | z) with beta from 0 to 1, in nats per image."""
        x, _ = batch
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(x))
        beta = min(1.0, self.trainer.global_step / max(1, self.hparams["warm_up_steps"]))
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return beta * divergence - log_likelihood
