"""Free bits. Kingma et al., 2016, https://arxiv.org/abs/1606.04934

The KL divergence of a latent is not penalized below a threshold, which prevents posterior collapse
before the decoder has learned to use the latent.
"""

from torch import Tensor
from torch.distributions import Normal, kl_divergence

from zoo.core.arguments import Count, Width
from zoo.vaes.vae import VAE, Likelihood, Network


class FreeBitsVAE(VAE):
    """VAE with free bits: the KL divergence of each latent is clamped from below at `free` nats.

    The clamped value is the mean over the batch.
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
        free: float = 0.25,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss with free bits, each latent a group of its own, in nats per image."""
        x, _ = batch
        q = self.posterior(x)
        log_likelihood = self.log_likelihood(x, q.rsample()).mean()
        divergences = kl_divergence(q, Normal(0.0, 1.0)).mean(0)  # (latent,)
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergences.sum()})
        return divergences.clamp(min=self.hparams["free"]).sum() - log_likelihood
