"""Precision, recall, density and coverage, by balls of the k-th nearest neighbors.

Kynkaanniemi et al., 2019, https://arxiv.org/abs/1904.06991, and Naeem et al., 2020,
https://arxiv.org/abs/2002.09797. The results are exact: every distance is computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features, require_images

CHUNK = 256  # rows of a distance matrix that are in memory at once


class PrecisionRecall(NamedTuple):
    """Precision and recall in [0, 1].

    Precision is the fraction of samples within the real manifold, recall the fraction of real
    images within the manifold of the samples.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density and coverage.

    Density, >= 0, is 1 if samples are as dense as real images, and may exceed 1. Coverage in [0, 1]
    is the fraction of real images with a sample in their ball.
    """

    density: float
    coverage: float


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (n, m) of rows (n, d) and (m, d).

    Equal rows have a distance of exactly zero, and a pair has the same distance in both orders. The
    faster |x|^2 + |y|^2 - 2 x . y has neither property.
    """
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def radii(features: Tensor, k: int) -> Tensor:
    """Distance (n,) of each row (n, d) to its k-th nearest other row.

    Raises NotEnough unless 1 <= k < n, and BadFeatures or NotFinite for invalid features.
    """
    require_features("nearest neighbors", features)
    if not 1 <= k < len(features):
        raise NotEnough(
            f"k must be from 1 to {len(features) - 1}, one less than the number of images, got "
            f"{k}. Use more images or a smaller k"
        )
    candidates = min(k + 5, len(features))  # five more: cdist's rounding may change their order
    result = features.new_empty(len(features))
    for rows, part in zip(features.split(CHUNK), result.split(CHUNK), strict=True):
        nearest = torch.cdist(rows, features).topk(candidates, largest=False).indices
        exact = pair_distances(rows[:, None], features[nearest]).sort(1).values
        part.copy_(exact[:, k])  # column 0 is the row itself
    return result


def pair_distances(x: Tensor, y: Tensor) -> Tensor:
    """Distances (...) of pairs of rows x and y (..., d), the same in both orders."""
    return (x - y).square().sum(-1).sqrt()


def within_radius(rows: Tensor, others: Tensor, radius: Tensor, border: bool) -> Tensor:
    """Mask (n, m) of the pairs of rows (n, d) and others (m, d) that are within a radius.

    `radius` is (m,) or (n, 1); distances equal to it count if `border`. The fast distances of cdist
    decide all pairs except those within its rounding error, whose distances are computed exactly.
    """
    approximate = torch.cdist(rows, others)
    radius = radius.expand_as(approximate)
    within = approximate < radius
    error = 1e-6 * others.norm(dim=1).max()
    i, j = ((approximate - radius).abs() <= error).nonzero(as_tuple=True)
    exact, limit = pair_distances(rows[i], others[j]), radius[i, j]
    within[i, j] = exact <= limit if border else exact < limit
    return within


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """Precision and recall of fakes (m, d) with respect to real features (n, d).

    The manifold of a side is the union of closed balls around its rows; the radius is the distance
    to the k-th nearest neighbor on the same side (equations 1 and 2). Raises NotEnough for k rows
    or fewer on a side, and BadFeatures or NotFinite for invalid features.
    """
    require_features("precision and recall", real, fake)
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    precise, recalled = 0, torch.zeros_like(real_radii, dtype=torch.bool)
    for rows, radius in zip(fake.split(CHUNK), fake_radii.split(CHUNK), strict=True):
        precise += int(within_radius(rows, real, real_radii, border=True).any(1).sum())
        recalled |= within_radius(rows, real, radius[:, None], border=True).any(0)
    return PrecisionRecall(precise / len(fake), recalled.double().mean().item())


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """Density and coverage of fakes (m, d) with respect to real features (n, d).

    Density is the mean number of real balls that contain a fake, divided by k; coverage is the
    fraction of real balls that contain a fake (section 3). The balls are open, as in the authors'
    code, so that real images compared with themselves have a density of 1. Raises NotEnough for
    n <= k or m < 1, and BadFeatures or NotFinite for invalid features.
    """
    require_images("density and coverage", 1, fake)
    require_features("density and coverage", real, fake)
    real_radii = radii(real, k)
    count, covered = 0, torch.zeros_like(real_radii, dtype=torch.bool)
    for rows in fake.split(CHUNK):
        within = within_radius(rows, real, real_radii, border=False)
        count += int(within.sum())
        covered |= within.any(0)
    return DensityCoverage(count / (k * len(fake)), covered.double().mean().item())
