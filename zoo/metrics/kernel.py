"""Squared maximum mean discrepancy between the features of real and of generated images.

Binkowski et al., 2018, https://arxiv.org/abs/1801.01401. The estimate is unbiased and may be
negative. It averages over all features instead of random subsets, and so needs no seed.
"""

import torch
from torch import Tensor

from zoo.metrics.checks import require_features, require_images

CHUNK = 256  # rows of a kernel matrix that are in memory at once


def kernel_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Kernel distance: MMD^2 of features (n, d) and (m, d) with the kernel (x . y / d + 1)^3.

    A float64 scalar. Raises TypeError unless the features are float64, NotEnough for fewer than two
    images on a side, and BadFeatures or NotFinite for invalid features.
    """
    for features in (real, fake):
        if features.dtype != torch.float64:
            raise TypeError(f"features must be float64, got {features.dtype}. Call .double()")
    require_images("a kernel distance", 2, real, fake)
    require_features("a kernel distance", real, fake)
    cross = kernel_sum(real, fake) / (len(real) * len(fake))
    return off_diagonal_mean(real) + off_diagonal_mean(fake) - 2 * cross


def off_diagonal_mean(x: Tensor) -> Tensor:
    """Mean of the kernel over pairs of different rows of x (n, d)."""
    diagonal = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()
    return (kernel_sum(x, x) - diagonal) / (len(x) * (len(x) - 1))


def kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Sum of the kernel over all pairs of rows of x (n, d) and y (m, d)."""
    total = x.new_zeros(())
    for rows in x.split(CHUNK):
        total += (rows @ y.T).div_(x.shape[1]).add_(1).pow_(3).sum()
    return total
