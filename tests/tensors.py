"""Random tensors and brute-force distances, shared by several tests."""

import torch
from torch import Tensor

from zoo.metrics.kernel import CHUNK

SIZES = [2, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3]  # around the limits of chunks


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def randn64(*shape: int, seed: int = 0) -> Tensor:
    return randn(*shape, seed=seed, dtype=torch.float64)


def shuffled(x: Tensor) -> Tensor:
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(9))]


def pairwise_distances(x: Tensor, y: Tensor) -> Tensor:
    """All distances of rows, without chunks and without cdist."""
    return (x[:, None] - y[None]).norm(dim=2)
