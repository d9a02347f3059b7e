"""beta-VAE. Burgess et al., 2018, https://arxiv.org/abs/1804.03599

A penalty of weight `beta` keeps the KL divergence near a capacity that grows during training, so
that the latents encode one factor of variation after another. With a capacity of zero this is the
beta-VAE of Higgins et al., 2017 (https://openreview.net/forum?id=Sy2fzU9gl).
"""

from torch import Tensor

from zoo.core.arguments import Count, Width
from zoo.vaes.vae import VAE, Likelihood, Network


class BetaVAE(VAE):
    """beta-VAE: minimizes beta |KL - C| - log p(x | z), in nats per image.

    C grows linearly from 0 to `capacity` over the first `warm_up_steps`. The defaults are section
    5's for dSprites, with half of its steps.
    """

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 1,
        latent: Count = 10,
        width: Width = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        beta: float = 1000.0,
        capacity: float = 25.0,
        warm_up_steps: int = 50_000,
        lr: float = 5e-4,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of section 5, where beta is called gamma."""
        x, _ = batch
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(x))
        progress = min(1.0, self.trainer.global_step / max(1, self.hparams["warm_up_steps"]))
        C = progress * self.hparams["capacity"]
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return self.hparams["beta"] * (divergence - C).abs() - log_likelihood
