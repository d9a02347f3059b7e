"""Random numbers that a seed repeats."""

import torch
from torch import Tensor

from zoo.checks import check_count, check_seed


def normal(n: int, width: int, seed: int | None, device: torch.device | str) -> Tensor:
    """Normal numbers (n, width); a seed gives the same ones on every device, and more of them
    continue the fewer. Float32 with a seed, else torch's default. Raises BadInput for an n below
    zero or a seed that is none."""
    generator = seeded(n, seed)
    if generator is None:
        return torch.randn(n, width, device=device)
    rows = -(-n // 16) * 16  # randn fills blocks of 16: whole ones make prefixes agree
    draws = torch.randn(rows, width, generator=generator, dtype=torch.float32)
    return draws[:n].to(device)


def seeded(n: int, seed: int | None) -> torch.Generator | None:
    """What draws n random rows, torch's own stream where there is no seed; raises BadInput for an n
    below zero or a seed that is none."""
    check_count(n)
    check_seed(seed)
    return None if seed is None else torch.Generator().manual_seed(int(seed))


def uniform(normal: Tensor) -> Tensor:
    """Normal numbers as even ones in [0, 1], of the same shape."""
    return (1 + torch.erf(normal / 2**0.5)) / 2
