"""beta-TCVAE. Chen, Li, Grosse & Duvenaud, 2018, https://arxiv.org/abs/1802.04942

The KL divergence of a VAE is the sum of a mutual information, the total correlation of the latents
and the divergence of each latent from the prior. Only the total correlation is weighted by beta.
"""

import math

from torch import Tensor
from torch.distributions import Normal

from zoo.core.arguments import Count, Width
from zoo.errors import BadRecipe
from zoo.vaes.vae import VAE, Likelihood, Network


class BetaTCVAE(VAE):
    """beta-TCVAE: minimizes MI + beta TC + dimension-wise KL - log p(x | z), in nats per image."""

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 1,
        latent: Count = 10,
        width: Width = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        beta: float = 6.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    @property
    def min_sub_batch(self) -> int:
        return 2  # the estimate of the total correlation is constant for one image

    def batches_per_epoch(self) -> int:
        """Number of batches of an epoch on all devices; raises BadRecipe if it is unknown."""
        batches = self.trainer.num_training_batches * self.trainer.world_size
        if batches == math.inf:
            raise BadRecipe(
                "beta-TCVAE needs the number of images of an epoch, got data without a length. "
                "Set --trainer.limit_train_batches"
            )
        return int(batches)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of section 3 with alpha = gamma = 1, in nats per image."""
        x, _ = batch
        q = self.posterior(x)
        z = q.rsample()
        log_likelihood = self.log_likelihood(x, z).mean()
        n_images = len(x) * self.batches_per_epoch()
        information, correlation, divergence = decompose(q, z, n_images)
        self.log_on_interval({"log_likelihood": log_likelihood, "total_correlation": correlation})
        return information + self.hparams["beta"] * correlation + divergence - log_likelihood


def decompose(q: Normal, z: Tensor, n_images: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mutual information, total correlation and dimension-wise KL: three scalars in nats.

    Their sum is the KL divergence from the prior (section 3). The estimate is minibatch-weighted
    sampling, from samples z (m, latent) of the posteriors q (m, latent) of m of the training set's
    `n_images` images.
    """
    posteriors = Normal(q.mean, q.stddev, validate_args=False)
    pairs = posteriors.log_prob(z[:, None])  # log q(z_i | x_j): (m, m, latent), j along axis 1
    log_mn = math.log(len(z) * n_images)
    log_q_given_x = q.log_prob(z).sum(1)
    log_q = pairs.sum(2).logsumexp(1) - log_mn  # log q(z_i)
    log_product = (pairs.logsumexp(1) - log_mn).sum(1)  # log of the product of the q(z_i,d)
    log_p = Normal(0.0, 1.0, validate_args=False).log_prob(z).sum(1)
    return (
        (log_q_given_x - log_q).mean(),
        (log_q - log_product).mean(),
        (log_product - log_p).mean(),
    )
