"""WAE-MMD. Tolstikhin, Bousquet, Gelly & Schoelkopf, 2018, https://arxiv.org/abs/1711.01558

An autoencoder without noise in its code: not the code of each image, but that of all images taken
together is drawn to the prior.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.latent_models import EncoderDecoder
from zoo.layers.convnets import Decoder, Encoder
from zoo.layers.precision import at_least_float32
from zoo.losses.reconstruction import squared_distance


class WAE(EncoderDecoder):
    """Descends |x - G(z)|^2 + penalty MMD(Q_z, P_z); the defaults are section 4's, for faces."""

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 64,
        width: int = 128,
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
        return 2  # a discrepancy is one of pairs

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Algorithm 2."""
        x, _ = batch
        z = self.encoder(x).to(x.dtype)
        cost = squared_distance(self.decoder(z), x)
        discrepancy = maximum_mean_discrepancy(self.prior(len(x)), z)
        self.log_on_interval({"cost": cost, "discrepancy": discrepancy})
        return cost + self.hparams["mmd_weight"] * discrepancy

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"], betas=(0.5, 0.999))


def maximum_mean_discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Squared MMD of codes a, b (n, latent), a scalar without bias, which is why it may read below
    zero; algorithm 2's last term. Raises ValueError for fewer than two codes."""
    a, b, n = at_least_float32(a), at_least_float32(b), len(a)
    if n < 2:
        raise ValueError(f"a discrepancy needs two codes or more on each side, not {n}")
    within = sum(multiquadrics(t, t).sum() - n for t in (a, b)) / (n * (n - 1))  # k(t, t) = 1
    return within - 2 * multiquadrics(a, b).mean()


def multiquadrics(a: Tensor, b: Tensor) -> Tensor:
    """C / (C + |a_i - b_j|^2), (n, m), with C = 2 latent, the mean of |a_i - b_j|^2 under the
    prior: inverse multiquadrics, whose tails still pull at codes that are far off (section 4)."""
    C = 2 * a.shape[1]
    return C / (C + (a[:, None] - b).square().sum(2))
