"""k-sparse autoencoder. Makhzani & Frey, 2013, https://arxiv.org/abs/1312.5663

Linear both ways with tied weights; of the whole code only the k largest units are kept.
"""

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.latent_models import Autoencoder
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.layers.tied import TiedLinear
from zoo.losses.reconstruction import squared_error


class TopK(nn.Module):
    """The k largest of each code (n, latent), zero elsewhere."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, code: Tensor) -> Tensor:
        values, places = code.topk(self.k)
        return torch.zeros_like(code).scatter(1, places, values)


class KSparseAutoencoder(Autoencoder):
    """Images (n, channels, size, size) to codes (n, latent) of which k are not zero, and back."""

    encoder: nn.Sequential

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        latent: int = 1000,
        k: int = 25,
        components: int = 1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        layer = nn.Linear(channels * size**2, latent)
        self.encoder = nn.Sequential(nn.Flatten(), layer, TopK(k))
        self.decoder = nn.Sequential(TiedLinear(layer), nn.Unflatten(1, (channels, size, size)))
        self.sampler = GaussianMixtureSampler(latent, components)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Draw codes (n, latent) from the density that was fitted; the k largest of each stay."""
        return self.encoder[-1](super().prior(n, seed))

    def activity(self, x: Tensor) -> Tensor:
        """The share of units that are on, (n,), of images (n, channels, size, size) in [-1, 1]."""
        return (self.encode(x) != 0).float().mean(1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend |x - D(the k largest of E(x))|^2: section 2.1."""
        x, _ = batch
        loss = squared_error(self.decoder(self.encoder(x)), x)
        self.log_on_interval({"squared_error": loss})
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
