"""Denoising autoencoder. Vincent et al., 2008, https://doi.org/10.1145/1390156.1390294

The stacked autoencoder, trained to reconstruct the clean image from a corrupted one. The identity
map does not minimize this loss, so the network learns the structure of the images.
"""

from typing import Literal

import torch
from torch import Tensor

from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.core.arguments import Count
from zoo.losses.reconstruction import binary_cross_entropy


class DenoisingAutoencoder(StackedAutoencoder):
    """Denoising autoencoder; `corruption` is the noise of the training images.

    `dropout` sets each pixel to black with probability `amount`. `gaussian` adds noise with
    standard deviation `amount` to pixels in [0, 1].
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        widths: tuple[Count, ...] = (100,),
        latent: Count = 30,
        corruption: Literal["dropout", "gaussian"] = "dropout",
        amount: float = 0.25,
        components: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, widths, latent, components, lr)
        if corruption == "gaussian":
            self.pixel_limit += 20 * amount  # ten standard deviations of pixels in [-1, 1]

    def corrupt(self, x: Tensor) -> Tensor:
        """Corrupt images (n, channels, size, size) in [-1, 1] as in training (section 3)."""
        x, amount = self.validate_images(x), self.hparams["amount"]
        if self.hparams["corruption"] == "gaussian":
            return x + 2 * amount * torch.randn_like(x)
        return torch.where(torch.rand_like(x) < amount, -1.0, x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss: cross-entropy of x and D(E(corrupted x)), in nats per image."""
        x, _ = batch
        loss = binary_cross_entropy(self.decoder(self.encoder(self.corrupt(x))), x)
        self.log_on_interval({"cross_entropy": loss})
        return loss
