"""beta-TCVAE. Chen, Li, Grosse & Duvenaud, 2018, https://arxiv.org/abs/1802.04942

Of the three parts of a divergence, only the one that makes latents independent, their total
correlation, costs beta; what the code knows of the image costs no more than in a VAE.
"""

import math

from torch import Tensor
from torch.distributions import Normal

from zoo.errors import BadRecipe
from zoo.vaes.vae import VAE, Likelihood, Network


class BetaTCVAE(VAE):
    """Descends MI + beta TC + KL of each latent - log p(x | z), in nats per image."""

    def __init__(
        self,
        size: int = 64,
        channels: int = 1,
        latent: int = 10,
        width: int = 32,
        network: Network = "convolutional",
        likelihood: Likelihood = "bernoulli",
        noise: float = 0.1,
        beta: float = 6.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, latent, width, network, likelihood, noise, lr)

    @property
    def min_sub_batch(self) -> int:
        return 2  # the total correlation of one code is a constant

    def batches(self) -> int:
        """How many batches an epoch has, on all devices; raises BadRecipe where nobody knows."""
        batches = self.trainer.num_training_batches * self.trainer.world_size
        if batches == math.inf:
            raise BadRecipe(
                "beta-TCVAE needs the number of images of an epoch, got data without a length. Set "
                "limit_train_batches"
            )
        return int(batches)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The objective of section 3 with alpha = gamma = 1."""
        x, _ = batch
        q = self.posterior(x)
        z = q.rsample()
        log_likelihood = self.log_likelihood(x, z).mean()
        images = len(x) * self.batches()
        information, correlation, divergence = decompose(q, z, images)
        self.log_on_interval({"log_likelihood": log_likelihood, "total_correlation": correlation})
        return information + self.hparams["beta"] * correlation + divergence - log_likelihood


def decompose(q: Normal, z: Tensor, images: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mutual information of image and code, total correlation, and the KL of each latent summed:
    scalars in nats, whose sum is the divergence (section 3).

    By minibatch-weighted sampling (section 3) from draws z (m, latent) of posteriors q
    (m, latent) of a training set of so many images.
    """
    each = Normal(q.mean, q.stddev, validate_args=False)
    pairs = each.log_prob(z[:, None])  # log q(z_i | x_j): (m, m, latent)
    share = math.log(len(z) * images)
    log_q_given_x = q.log_prob(z).sum(1)
    log_q = pairs.sum(2).logsumexp(1) - share
    log_product = (pairs.logsumexp(1) - share).sum(1)
    log_p = Normal(0.0, 1.0, validate_args=False).log_prob(z).sum(1)
    return (
        (log_q_given_x - log_q).mean(),
        (log_q - log_product).mean(),
        (log_product - log_p).mean(),
    )
