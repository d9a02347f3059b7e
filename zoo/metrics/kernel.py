"""Squared maximum mean discrepancy between features of real and of generated images.

Binkowski et al., 2018, https://arxiv.org/abs/1801.01401: unbiased, so that small samples may read
below zero. Over all features, not over random subsets of them: there is no seed.
"""

import torch
from torch import Tensor

from zoo.metrics.checks import require_features, require_images

CHUNK = 256  # rows of a kernel matrix that exist at once


def kernel_distance(real: Tensor, fake: Tensor) -> Tensor:
    """MMD^2 of features (n, d) and (m, d) under (x . y / d + 1)^3, a float64 scalar.

    Raises TypeError for anything but float64, NotEnough for fewer than two images on a side,
    and NotFinite.
    """
    for features in (real, fake):
        if features.dtype != torch.float64:
            raise TypeError(f"the features must be float64, not {features.dtype}")
    require_images("a kernel distance", 2, real, fake)
    require_features("a kernel distance", real, fake)
    crossed = cubes(real, fake) / (len(real) * len(fake))
    return within(real) + within(fake) - 2 * crossed


def within(x: Tensor) -> Tensor:
    """The kernel's mean over pairs of different rows."""
    own = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()
    return (cubes(x, x) - own) / (len(x) * (len(x) - 1))


def cubes(x: Tensor, y: Tensor) -> Tensor:
    """The kernel's sum over all pairs."""
    total = x.new_zeros(())
    for rows in x.split(CHUNK):
        total += (rows @ y.T).div_(x.shape[1]).add_(1).pow_(3).sum()
    return total
