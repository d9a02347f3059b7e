"""Colorization. Isola, Zhu, Zhou & Efros, 2017, https://arxiv.org/abs/1611.07004

pix2pix in the color space Lab (section 4.2), from the lightness of an image to its two colors. Gray
has a low L1 loss, but the discriminator tells it from the colors of the data.
"""

import torch
from torch import Tensor

from zoo.core.arguments import Count, Width
from zoo.core.translator import ImageRestorer
from zoo.layers.lab import lab_to_rgb, rgb_to_lab
from zoo.layers.precision import at_least_float32
from zoo.translation.pix2pix import AdversarialTranslator, PatchGAN, UNet, initialize


class Colorization(AdversarialTranslator, ImageRestorer):
    """pix2pix with its networks, from lightness (n, 1, size, size) to colors (n, 2, size, size).

    It translates images in RGB, gray or not, and uses their lightness alone. Raises BadRecipe
    unless `size` is a power of two >= 8.
    """

    def __init__(
        self,
        size: Count = 64,
        width: Width = 64,
        l1_weight: float = 100.0,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = UNet(size, 1, 2, width)
        self.discriminator = PatchGAN(3, width)
        self.apply(initialize)

    def pair(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        images, _ = batch
        lightness, colors = rgb_to_lab(images).split([1, 2], dim=1)
        return lightness, colors

    def forward(self, x: Tensor) -> Tensor:
        lightness = rgb_to_lab(at_least_float32(x))[:, :1]
        colors = self.generator(lightness.to(x.dtype))
        return lab_to_rgb(torch.cat([lightness, colors.to(lightness.dtype)], dim=1))

    def degrade(self, x: Tensor) -> Tensor:
        """Images (n, 3, h, w) in [-1, 1] without their colors, of equal lightness."""
        return self.recolor(x, torch.zeros_like(x))

    def recolor(self, x: Tensor, colors: Tensor) -> Tensor:
        """Images (n, 3, h, w) in [-1, 1] with the colors of other images of that shape."""
        lightness, hues = rgb_to_lab(x)[:, :1], rgb_to_lab(colors)[:, 1:]
        return lab_to_rgb(torch.cat([lightness, hues], dim=1))
