"""A convolutional encoder and its mirrored decoder."""

from itertools import pairwise

from torch import nn

from zoo.errors import BadRecipe


class Encoder(nn.Sequential):
    """Map images (n, channels, size, size) to codes (n, features).

    Raises BadRecipe unless `size` is a power of two >= 8.
    """

    def __init__(self, features: int, width: int, size: int, channels: int = 3) -> None:
        widths = [channels, *widening(width, size)]
        super().__init__(
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Flatten(),  # 4 x 4
            nn.Linear(widths[-1] * 16, features),
        )


class Decoder(nn.Sequential):
    """Map codes (n, features) to images (n, channels, size, size), unbounded.

    Raises BadRecipe unless `size` is a power of two >= 8.
    """

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
    """Channels at each resolution from size / 2 down to 4, doubling as the image halves.

    Raises BadRecipe unless `size` is a power of two >= 8.
    """
    if size < 8 or size & (size - 1):
        raise BadRecipe(f"size must be a power of two >= 8, got {size}. Set 32 or 64")
    return [width << level for level in range(size.bit_length() - 3)]  # size = 2^(levels + 2)


def downsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, h / 2, w / 2)."""
    conv = nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())


def upsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, 2h, 2w)."""
    conv = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())
