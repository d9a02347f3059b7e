"""Convolutional autoencoder. Masci et al., 2011, https://doi.org/10.1007/978-3-642-21735-7_7

Convolutions instead of dense layers. Max pooling makes the feature maps so sparse that no other
sparsity penalty is needed.
"""

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count, Width
from zoo.core.latent_models import Autoencoder
from zoo.errors import BadRecipe
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.losses.reconstruction import squared_error


class Encoder(nn.Sequential):
    """Map images (n, channels, size, size) to codes (n, latent): two poolings, one dense layer."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__(
            convolution(channels, width),
            nn.MaxPool2d(2),
            convolution(width, 2 * width),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * (size // 4) ** 2, latent),
        )


class Decoder(nn.Sequential):
    """Map codes (n, latent) to images (n, channels, size, size), unbounded."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        side = size // 4
        super().__init__(
            nn.Linear(latent, 2 * width * side**2),
            nn.Unflatten(1, (2 * width, side, side)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )


def convolution(a: int, b: int) -> nn.Sequential:
    """Convolution with batch norm and ReLU, from maps (n, a, h, w) to (n, b, h, w)."""
    conv = nn.Conv2d(a, b, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())


class ConvolutionalAutoencoder(Autoencoder):
    """Convolutional autoencoder with batch norm and a dense code, which the paper does not have.

    Raises BadRecipe unless `size` is a multiple of 4.
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 30,
        width: Width = 32,
        components: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if size % 4:
            raise BadRecipe(f"size must be a multiple of 4, got {size}. Set 28, for example")
        self.save_hyperparameters()
        self.encoder = Encoder(latent, width, size, channels)
        self.decoder = Decoder(latent, width, size, channels)
        self.sampler = GaussianMixtureSampler(latent, components)
        self.to(memory_format=torch.channels_last)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss |x - D(E(x))|^2 of pixels in [0, 1], summed over each image."""
        x, _ = batch
        loss = squared_error(self.decoder(self.encoder(x)), x)
        self.log_on_interval({"squared_error": loss})
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
