"""Random numbers that a seed repeats."""

import torch
from torch import Tensor

from zoo.errors import ZooError


def normal(n: int, width: int, seed: int | None, device: torch.device | str) -> Tensor:
    """Normal numbers (n, width); a seed gives the same ones on every device, and more of them
    continue the fewer. Raises ZooError for an n below zero."""
    if n < 0:
        raise ZooError(f"{n} of them cannot be drawn: ask for none or more")
    if seed is None:
        return torch.randn(n, width, device=device)
    generator = torch.Generator().manual_seed(seed)
    rows = -(-n // 16) * 16  # randn fills blocks of 16: whole ones make prefixes agree
    return torch.randn(rows, width, generator=generator)[:n].to(device)


def uniform(normal: Tensor) -> Tensor:
    """Normal numbers as even ones in [0, 1], of the same shape."""
    return (1 + torch.erf(normal / 2**0.5)) / 2
