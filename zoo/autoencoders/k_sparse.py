"""k-sparse autoencoder. Makhzani & Frey, 2013, https://arxiv.org/abs/1312.5663

A linear autoencoder with tied weights that keeps only the k largest units of each code.
"""

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count
from zoo.core.latent_models import Autoencoder
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.layers.tied import TiedLinear
from zoo.losses.reconstruction import squared_error


class TopK(nn.Module):
    """Keep the k largest units of each code (n, latent) and set the others to zero."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, code: Tensor) -> Tensor:
        values, indices = code.topk(self.k)
        return torch.zeros_like(code).scatter(1, indices, values)


class KSparseAutoencoder(Autoencoder):
    """k-sparse autoencoder: each code (n, latent) has k units that are not zero."""

    encoder: nn.Sequential

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 1000,
        k: Count = 25,
        components: Count = 1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        layer = nn.Linear(channels * size**2, latent)
        self.encoder = nn.Sequential(nn.Flatten(), layer, TopK(k))
        self.decoder = nn.Sequential(TiedLinear(layer), nn.Unflatten(1, (channels, size, size)))
        self.sampler = GaussianMixtureSampler(latent, components)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample codes (n, latent) from the fitted density, and keep the k largest units."""
        return self.encoder[-1](super().prior(n, seed))

    def activity(self, x: Tensor) -> Tensor:
        """Fraction (n,) of units that are not zero, for images (n, channels, size, size)."""
        return (self.encode(x) != 0).float().mean(1)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss |x - D(top_k(E(x)))|^2 of pixels in [0, 1], summed over each image (section 2.1)."""
        x, _ = batch
        loss = squared_error(self.decoder(self.encoder(x)), x)
        self.log_on_interval({"squared_error": loss})
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
