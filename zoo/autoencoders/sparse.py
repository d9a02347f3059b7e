"""Sparse autoencoder. Ng, 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

More units than pixels, with a penalty that keeps the mean activation of each unit near a small
target. The idea is that of Lee, Ekanadham & Ng, 2007.
"""

from typing import Literal

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count
from zoo.core.latent_models import Autoencoder
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.losses.reconstruction import squared_error
from zoo.losses.sparsity import l1, target_activity


class SparseAutoencoder(Autoencoder):
    """Sparse autoencoder with sigmoid codes (n, latent) in [0, 1].

    `sparsity` is the penalty: `kl` moves each unit's mean activation over the batch towards
    `target`; `l1` is the sum of all activations.
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 1000,
        sparsity: Literal["kl", "l1"] = "kl",
        sparsity_weight: float = 1.0,
        target: float = 0.05,
        components: Count = 1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        shape = (channels, size, size)
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * size**2, latent), nn.Sigmoid()
        )
        self.decoder = nn.Sequential(nn.Linear(latent, channels * size**2), nn.Unflatten(1, shape))
        self.sampler = GaussianMixtureSampler(latent, components)

    def activity(self, x: Tensor) -> Tensor:
        """Mean activation (n,) of the units, for images (n, channels, size, size) in [-1, 1]."""
        return self.encode(x).mean(1)

    def sparsity_penalty(self, code: Tensor) -> Tensor:
        """Penalty on codes (n, latent) that `sparsity` names, a scalar."""
        if self.hparams["sparsity"] == "l1":
            return l1(code)
        return target_activity(code, self.hparams["target"])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss |x - D(E(x))|^2 plus sparsity_weight times the sparsity penalty."""
        x, _ = batch
        code = self.encoder(x)
        error, penalty = squared_error(self.decoder(code), x), self.sparsity_penalty(code)
        values = {"squared_error": error, "sparsity_penalty": penalty, "activity": code.mean()}
        self.log_on_interval(values)
        return error + self.hparams["sparsity_weight"] * penalty

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
