"""Residual networks for images: blocks that halve or double them.

Gulrajani et al., 2017, appendix F, https://arxiv.org/abs/1704.00028
"""

from torch import Tensor, nn
from torch.nn.functional import interpolate


class Up(nn.Module):
    """Maps (n, a, h, w) to (n, b, 2h, 2w), with batch norm."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.norm, self.other_norm = nn.BatchNorm2d(a), nn.BatchNorm2d(b)
        self.skip = nn.Conv2d(a, b, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(double(self.norm(x).relu()))
        return self.second(self.other_norm(h).relu()) + double(self.skip(x))


class Down(nn.Module):
    """Maps (n, a, h, w) to (n, b, h / 2, w / 2), or of the same size with `halve` false.

    The first block of a network sees pixels, which are not rectified.
    """

    def __init__(self, a: int, b: int, halve: bool = True, first: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.skip = nn.Conv2d(a, b, 1) if halve or a != b else nn.Identity()
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.rectify: nn.Module = nn.Identity() if first else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(self.first(self.rectify(x)).relu())
        return self.pool(h) + self.skip(self.pool(x))


def double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="nearest")
