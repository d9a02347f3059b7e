"""Reproducible random numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from zoo.checks import check_count, check_seed


def normal(n: int, width: int, seed: int | None, device: torch.device | str) -> Tensor:
    """Normal random numbers (n, width).

    A seed gives the same numbers on every device; a larger n extends those of a smaller n. The
    dtype is float32 with a seed, else torch's default. Raises BadInput unless n >= 0 and the seed
    is None or in [0, 2^63).
    """
    generator = seeded(n, seed)
    if generator is None:
        return torch.randn(n, width, device=device)
    rows = -(-n // 16) * 16  # randn fills blocks of 16 numbers: whole blocks keep prefixes equal
    samples = torch.randn(rows, width, generator=generator, dtype=torch.float32)
    return samples[:n].to(device)


def seeded(n: int, seed: int | None) -> torch.Generator | None:
    """CPU generator with a seed, or None, torch's global generator, without one.

    Raises BadInput unless n >= 0 and the seed is None or in [0, 2^63).
    """
    check_count(n)
    check_seed(seed)
    return None if seed is None else torch.Generator().manual_seed(int(seed))


def uniform(normal: Tensor) -> Tensor:
    """Convert normal numbers to uniform ones in [0, 1] by the normal's CDF, in the same shape."""
    return (1 + torch.erf(normal / 2**0.5)) / 2


class NoiseDropout(nn.Dropout):
    """Dropout that stays active after training, as the noise of a generator.

    In evaluation mode one mask, a function of `seed`, applies to all images of a batch: the output
    for an image does not depend on the images beside it, nor on the device.
    """

    seed = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        generator = torch.Generator().manual_seed(self.seed)
        kept = torch.rand(x.shape[1:], generator=generator) >= self.p
        return x * (kept / (1 - self.p)).to(x)


@contextmanager
def dropout_seed(network: nn.Module, seed: int) -> Iterator[None]:
    """Draw the masks of all NoiseDropout layers from one seed within the context, and restore their
    seeds. Raises BadInput unless it is in [0, 2^63)."""
    layers = [layer for layer in network.modules() if isinstance(layer, NoiseDropout)]
    before, generator = [layer.seed for layer in layers], seeded(len(layers), seed)
    drawn = torch.randint(2**63 - 1, (len(layers),), generator=generator).tolist()
    try:
        for layer, own in zip(layers, drawn, strict=True):
            layer.seed = own
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.seed = own
