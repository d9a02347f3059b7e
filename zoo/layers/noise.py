"""Reproducible random numbers."""

import torch
from torch import Tensor

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
