"""pix2pixHD. Wang, Liu, Zhu, Tao, Kautz & Catanzaro, 2018, https://arxiv.org/abs/1711.11585

Discriminators at several scales, and the feature matching loss (sections 3.2 and 3.3), with the
layers that SPADE gives them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from zoo.layers.spectral import apply_spectral_norm

SCALES = 2  # discriminators, each of which sees half of the size of the one before


def spectral(layer: nn.Module) -> nn.Module:
    """A layer with new weights and spectral norm."""
    initialize(layer)
    return apply_spectral_norm(layer)


def initialize(layer: nn.Module) -> None:
    """Sample weights by Glorot initialization with a gain of 0.02, as in the authors' code."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_normal_(layer.weight, gain=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class Judgement(NamedTuple):
    """What one discriminator says of inputs and images."""

    maps: list[Tensor]  # after each layer but the last
    logits: Tensor  # (n, 1, h, w), of patches


class PatchDiscriminator(nn.Module):
    """Judge inputs and images, concatenated (n, channels, h, w) (SPADE, figure 13)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2))]
        for factor, stride in ((2, 2), (4, 2), (8, 1)):
            a, b = width * factor // 2, width * factor
            conv = spectral(nn.Conv2d(a, b, 4, stride, 1, bias=False))
            layers.append(nn.Sequential(conv, nn.InstanceNorm2d(b), nn.LeakyReLU(0.2)))
        self.layers = nn.ModuleList(layers)
        self.output = nn.Conv2d(8 * width, 1, 4, padding=1)

    def forward(self, x: Tensor) -> Judgement:
        maps = []
        for layer in self.layers:
            maps.append(x := layer(x))
        return Judgement(maps, self.output(x))


class MultiScaleDiscriminator(nn.ModuleList):
    """A PatchDiscriminator at the full, and one at half the size."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(PatchDiscriminator(channels, width) for _ in range(SCALES))

    def forward(self, x: Tensor) -> list[Judgement]:
        found = []
        for network in self:
            found.append(network(x))
            x = avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return found


def judge(
    discriminator: MultiScaleDiscriminator, x: Tensor, y: Tensor, fake: Tensor
) -> tuple[list[Judgement], list[Judgement]]:
    """What the discriminators say of real and of fake images (n, channels, h, w) of inputs x, in
    one pass."""
    found = discriminator(torch.cat([torch.cat([x, y], 1), torch.cat([x, fake], 1)]))

    def part(rows: slice) -> list[Judgement]:
        return [Judgement([m[rows] for m in j.maps], j.logits[rows]) for j in found]

    return part(slice(len(y))), part(slice(len(y), None))


def feature_matching(real: list[Judgement], fake: list[Judgement]) -> Tensor:
    """The L1 distance of the maps of real and of fake images, a scalar: summed over the layers,
    averaged over the discriminators (Wang et al., 2018, equation 4)."""
    distances = [
        (b - a.detach()).abs().mean()
        for of_real, of_fake in zip(real, fake, strict=True)
        for a, b in zip(of_real.maps, of_fake.maps, strict=True)
    ]
    return torch.stack(distances).sum() / len(real)
