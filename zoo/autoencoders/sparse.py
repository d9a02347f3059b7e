"""Sparse autoencoder. Ng, 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

More units than pixels, of which few may be on: each is drawn to be active for a twentieth of the
images. Lee, Ekanadham & Ng, 2007, is where it comes from.
"""

from typing import Literal

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.latent_models import Autoencoder
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.losses.reconstruction import squared_error
from zoo.losses.sparsity import l1, target_activity


class SparseAutoencoder(Autoencoder):
    """Images (n, channels, size, size) to sigmoid codes (n, latent) in [0, 1], and back.

    `kl` draws each unit's mean over the batch to `target`; `l1` prices all that is on.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        latent: int = 1000,
        sparsity: Literal["kl", "l1"] = "kl",
        sparsity_weight: float = 1.0,
        target: float = 0.05,
        components: int = 1,
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
        """The mean activation of a unit, (n,), on images (n, channels, size, size) in [-1, 1]."""
        return self.encode(x).mean(1)

    def price(self, code: Tensor) -> Tensor:
        if self.hparams["sparsity"] == "l1":
            return l1(code)
        return target_activity(code, self.hparams["target"])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend |x - D(E(x))|^2 plus weight times the price of units that are on."""
        x, _ = batch
        code = self.encoder(x)
        error, price = squared_error(self.decoder(code), x), self.price(code)
        self.log_on_interval({"squared_error": error, "price": price, "activity": code.mean()})
        return error + self.hparams["sparsity_weight"] * price

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
