"""A pair of plain convolutional networks, the one the other's mirror image."""

from itertools import pairwise

from torch import nn

from zoo.errors import BadRecipe


class Encoder(nn.Sequential):
    """Images (n, channels, size, size) to codes (n, features)."""

    def __init__(self, features: int, width: int, size: int, channels: int = 3) -> None:
        widths = [channels, *widening(width, size)]
        super().__init__(
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Flatten(),  # 4 x 4
            nn.Linear(widths[-1] * 16, features),
        )


class Decoder(nn.Sequential):
    """Codes (n, features) to images (n, channels, size, size), unbounded."""

    def __init__(self, features: int, width: int, size: int, channels: int = 3) -> None:
        widths = widening(width, size)[::-1]
        super().__init__(
            nn.Linear(features, widths[0] * 16),
            nn.Unflatten(1, (widths[0], 4, 4)),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *(upsample(a, b) for a, b in pairwise(widths)),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )


def widening(width: int, size: int) -> list[int]:
    """Channels at each resolution from size / 2 down to 4, doubling as the image halves."""
    if size < 8 or size & (size - 1):
        raise BadRecipe(f"size {size} is not a power of two from 8 on: try 32 or 64")
    return [width << level for level in range(size.bit_length() - 3)]


def downsample(a: int, b: int) -> nn.Sequential:
    conv = nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())


def upsample(a: int, b: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())
