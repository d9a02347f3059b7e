"""A pair of perceptrons, the one the other's mirror image."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

Hidden = Callable[[int, int], nn.Module]


def linear_tanh(a: int, b: int) -> nn.Sequential:
    """The hidden layer of the first VAEs."""
    return nn.Sequential(nn.Linear(a, b), nn.Tanh())


def linear_bn_relu(a: int, b: int) -> nn.Sequential:
    """One with batch norm, as deep VAEs need it. Sonderby et al., 2016,
    https://arxiv.org/abs/1602.02282"""
    return nn.Sequential(nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU())


class ToUnitRange(nn.Module):
    """Pixels in [-1, 1] to [0, 1]: where black is nothing, Adam has less of a mean to fight."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


class Encoder(nn.Sequential):
    """Images (n, channels, size, size) to codes (n, features), by `depth` layers of `width`."""

    def __init__(
        self,
        features: int,
        width: int,
        size: int,
        channels: int = 3,
        depth: int = 1,
        hidden: Hidden = linear_tanh,
    ) -> None:
        widths = [channels * size * size, *[width] * depth]
        super().__init__(
            ToUnitRange(),
            nn.Flatten(),
            *(hidden(a, b) for a, b in pairwise(widths)),
            nn.Linear(widths[-1], features),
        )


class Decoder(nn.Sequential):
    """Codes (n, features) to images (n, channels, size, size), unbounded."""

    def __init__(
        self,
        features: int,
        width: int,
        size: int,
        channels: int = 3,
        depth: int = 1,
        hidden: Hidden = linear_tanh,
    ) -> None:
        widths = [features, *[width] * depth]
        super().__init__(
            *(hidden(a, b) for a, b in pairwise(widths)),
            nn.Linear(widths[-1], channels * size * size),
            nn.Unflatten(1, (channels, size, size)),
        )
