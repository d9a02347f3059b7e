"""Residual blocks that double or halve the resolution of feature maps.

Gulrajani et al., 2017, appendix F, https://arxiv.org/abs/1704.00028
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo.layers.convnets import widening


class ResBlockUp(nn.Module):
    """Map feature maps (n, a, h, w) to (n, b, 2h, 2w).

    With a conditional `norm`, `forward` also takes labels (n,).
    """

    def __init__(self, a: int, b: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm, self.other_norm = norm(a), norm(b)
        self.first, self.second = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.skip = nn.Conv2d(a, b, 1)

    def forward(self, x: Tensor, *labels: Tensor) -> Tensor:
        h = self.first(double(self.norm(x, *labels).relu()))
        return self.second(self.other_norm(h, *labels).relu()) + double(self.skip(x))


class ResBlockDown(nn.Module):
    """Map feature maps (n, a, h, w) to (n, b, h / 2, w / 2), or to (n, b, h, w) unless `halve`.

    The `first` block of a network has no ReLU on its input, which are pixels.
    """

    def __init__(self, a: int, b: int, halve: bool = True, first: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.skip = nn.Conv2d(a, b, 1) if halve or a != b else nn.Identity()
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.rectify = nn.Identity() if first else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(self.first(self.rectify(x)).relu())
        return self.pool(h) + self.skip(self.pool(x))


class Sum(nn.Module):
    """Sum feature maps (n, channels, h, w) over their positions: (n, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


def backbone(channels: int, width: int, size: int) -> list[nn.Module]:
    """Layers of a discriminator, from images (n, channels, size, size) to features (n, width).

    At 32 pixels, two blocks halve the resolution and two keep it (Miyato et al., 2018, table 4).
    """
    halvings = len(widening(width, size)) - 1
    return [
        ResBlockDown(channels, width, first=True),
        *(ResBlockDown(width, width) for _ in range(halvings - 1)),
        ResBlockDown(width, width, halve=False),
        ResBlockDown(width, width, halve=False),
        nn.ReLU(),
        Sum(),
    ]


def double(x: Tensor) -> Tensor:
    """Upsample feature maps (n, c, h, w) to (n, c, 2h, 2w) by repeating pixels."""
    return interpolate(x, scale_factor=2, mode="nearest")


def initialize(layer: nn.Module) -> None:
    """Sample weights by Xavier initialization (Glorot & Bengio, 2010) with the gain of ReLU."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight, 2**0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
