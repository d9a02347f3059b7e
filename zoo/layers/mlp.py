"""A multilayer perceptron as encoder, and its mirrored decoder."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

Hidden = Callable[[int, int], nn.Module]


def linear_tanh(a: int, b: int) -> nn.Sequential:
    """Hidden layer with tanh from (n, a) to (n, b), as in the first VAEs."""
    return nn.Sequential(nn.Linear(a, b), nn.Tanh())


def linear_bn_relu(a: int, b: int) -> nn.Sequential:
    """Hidden layer with batch norm and ReLU from (n, a) to (n, b), for deep VAEs.

    Sonderby et al., 2016, https://arxiv.org/abs/1602.02282
    """
    return nn.Sequential(nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU())


class ToUnitRange(nn.Module):
    """Rescale pixels from [-1, 1] to [0, 1].

    Mostly black images then have a mean near zero, which speeds up training by Adam.
    """

    def forward(self, x: Tensor) -> Tensor:
        return (x + 1) / 2


class Encoder(nn.Sequential):
    """Map images (n, channels, size, size) to codes (n, features).

    The network has `depth` hidden layers of `width`.
    """

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
    """Map codes (n, features) to images (n, channels, size, size), unbounded.

    The network has `depth` hidden layers of `width`.
    """

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
