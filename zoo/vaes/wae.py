"""WAE-MMD. Tolstikhin, Bousquet, Gelly & Schoelkopf, 2018, https://arxiv.org/abs/1711.01558

An autoencoder with a deterministic encoder. The penalty matches the aggregated posterior, the
distribution of the codes of all images, to the prior.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.latent_models import EncoderDecoder
from zoo.layers.convnets import Decoder, Encoder
from zoo.layers.precision import at_least_float32
from zoo.losses.reconstruction import squared_distance


class WAE(EncoderDecoder):
    """WAE-MMD: minimizes |x - G(z)|^2 + mmd_weight MMD(Q_z, P_z).

    The defaults are section 4's for faces.
    """

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 64,
        width: Width = 128,
        mmd_weight: float = 100.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(latent, width, size, channels)
        self.decoder = nn.Sequential(Decoder(latent, width, size, channels), nn.Tanh())
        self.to(memory_format=torch.channels_last)

    @property
    def min_sub_batch(self) -> int:
        return 2  # the unbiased MMD averages over pairs

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of Algorithm 2."""
        x, _ = batch
        z = self.encoder(x).to(x.dtype)
        cost = squared_distance(self.decoder(z), x)
        discrepancy = maximum_mean_discrepancy(self.prior(len(x)), z)
        self.log_on_interval({"cost": cost, "discrepancy": discrepancy})
        return cost + self.hparams["mmd_weight"] * discrepancy

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"], betas=(0.5, 0.999))


def maximum_mean_discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Unbiased estimate of the squared MMD of codes a and b, both (n, latent), a scalar.

    The estimate may be negative. Algorithm 2's last term. Raises ValueError for n < 2.
    """
    a, b, n = at_least_float32(a), at_least_float32(b), len(a)
    if n < 2:
        raise ValueError(f"the number of codes must be >= 2, got {n}. Use larger batches")
    # the n diagonal terms k(t_i, t_i) = 1 are left out, which makes the estimate unbiased
    within = sum(multiquadric_kernel(t, t).sum() - n for t in (a, b)) / (n * (n - 1))
    return within - 2 * multiquadric_kernel(a, b).mean()


def multiquadric_kernel(a: Tensor, b: Tensor) -> Tensor:
    """Inverse multiquadric kernel C / (C + |a_i - b_j|^2), shape (n, m), of a and b.

    C = 2 latent is the mean of |a_i - b_j|^2 under the prior. The kernel's heavy tails give
    gradients to codes far from the prior (section 4).
    """
    C = 2 * a.shape[1]
    return C / (C + (a[:, None] - b).square().sum(2))
