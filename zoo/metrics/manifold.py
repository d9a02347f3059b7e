"""Do samples lie where real images lie, and everywhere there? By balls around neighbours.

Kynkaanniemi et al., 2019, https://arxiv.org/abs/1904.06991, and Naeem et al., 2020,
https://arxiv.org/abs/2002.09797. No approximation: every distance is computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features, require_images

CHUNK = 256  # rows of a distance matrix that exist at once


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1]: of the samples that look real, of the real images that could be samples."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density is 1 where samples are as dense as real images, and may exceed it; coverage is the
    share of real images with a sample nearby."""

    density: float
    coverage: float


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (n, m) of rows (n, d) and (m, d): exactly zero between equal rows, and
    the same for a pair in either order, which the faster |x|^2 + |y|^2 - 2 x . y is not."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def radii(features: Tensor, k: int) -> Tensor:
    """Each row's distance to its k-th nearest other row, (n,); raises ValueError unless n > k."""
    require_features("a distance to neighbours", features)
    if not 1 <= k < len(features):
        raise NotEnough(
            f"{len(features)} images have no {k} neighbours each: "
            "give more images, or a k from 1 to one less than their number"
        )
    candidates = min(k + 5, len(features))
    reach = features.new_empty(len(features))
    for rows, farthest in zip(features.split(CHUNK), reach.split(CHUNK), strict=True):
        nearest = torch.cdist(rows, features).topk(candidates, largest=False).indices
        farthest.copy_(split_neighbors(rows[:, None], features[nearest]).sort(1).values[:, k])
    return reach


def split_neighbors(x: Tensor, y: Tensor) -> Tensor:
    """Distances of rows (..., d) to their partners, the same in either order."""
    return (x - y).square().sum(-1).sqrt()


def inside(rows: Tensor, others: Tensor, reach: Tensor, border: bool) -> Tensor:
    """Which pairs (n, m) are nearer than `reach`, or as near where the border counts.

    A matrix product tells all but those within its rounding error, which are measured anew.
    """
    product = torch.cdist(rows, others)
    reach = reach.expand_as(product)
    near = product < reach
    error = 1e-6 * others.norm(dim=1).max()
    i, j = ((product - reach).abs() <= error).nonzero(as_tuple=True)
    exact, limit = split_neighbors(rows[i], others[j]), reach[i, j]
    near[i, j] = exact <= limit if border else exact < limit
    return near


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """The share of fakes (m, d) in any ball around a real row (n, d), and the reverse.

    A ball reaches as far as its centre's k-th neighbour on its own side, border included
    (equations 1 and 2). Raises ValueError for k rows or fewer on a side.
    """
    require_features("precision and recall", real, fake)
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    precise, recalled = 0, torch.zeros_like(real_radii, dtype=torch.bool)
    for rows, reach in zip(fake.split(CHUNK), fake_radii.split(CHUNK), strict=True):
        precise += int(inside(rows, real, real_radii, border=True).any(1).sum())
        recalled |= inside(rows, real, reach[:, None], border=True).any(0)
    return PrecisionRecall(precise / len(fake), recalled.double().mean().item())


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """Fakes (m, d) per ball around a real row (n, d), over k; the share of balls with a fake.

    Section 3, border excluded as in the authors' code, so that real images against themselves
    have density 1. Raises ValueError for k real rows or fewer, or for no fakes.
    """
    require_images("density and coverage", 1, fake)
    require_features("density and coverage", real, fake)
    reach = radii(real, k)
    number, covered = 0, torch.zeros_like(reach, dtype=torch.bool)
    for rows in fake.split(CHUNK):
        near = inside(rows, real, reach, border=False)
        number += int(near.sum())
        covered |= near.any(0)
    return DensityCoverage(number / (k * len(fake)), covered.double().mean().item())
