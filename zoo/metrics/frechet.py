"""Frechet distance between the features of real and of generated images.

Heusel et al., 2017, https://arxiv.org/abs/1706.08500, for any extractor. The name `fid` is reserved
for TF-Inception features. All statistics are float64.
"""

import torch
from torch import Tensor

from zoo.metrics.checks import require_features, require_images


def frechet_between(real: Tensor, fake: Tensor) -> Tensor:
    """Frechet distance of features (n, d) and (m, d), a float64 scalar.

    Raises TypeError unless the features are float64, NotEnough for fewer than two images on a side,
    and BadFeatures or NotFinite for invalid features.
    """
    for features in (real, fake):
        if features.dtype != torch.float64:
            raise TypeError(f"features must be float64, got {features.dtype}. Call .double()")
    require_features("a Frechet distance", real, fake)
    return frechet_distance(*statistics(real), *statistics(fake))


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and unbiased covariance (d, d) of features (n, d).

    Raises NotEnough for n < 2, and BadFeatures or NotFinite for invalid features.
    """
    require_images("a Frechet distance", 2, features)
    require_features("a Frechet distance", features)
    mean = features.mean(0)
    centered = features - mean
    return mean, centered.T @ centered / (len(features) - 1)


def frechet_distance(mean: Tensor, cov: Tensor, other_mean: Tensor, other_cov: Tensor) -> Tensor:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) for means (d,) and covariances (d, d).

    (C C')^(1/2) has the same trace as the symmetric (C^(1/2) C' C^(1/2))^(1/2). Raises TypeError
    unless all statistics are float64: in float32 the last digits that tables print are noise.
    """
    for statistic in (mean, cov, other_mean, other_cov):
        if statistic.dtype != torch.float64:
            raise TypeError(f"statistics must be float64, got {statistic.dtype}. Call .double()")
    values, vectors = torch.linalg.eigh(cov)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    trace = torch.linalg.eigvalsh(root @ other_cov @ root).clamp(min=0).sqrt().sum()
    return (mean - other_mean).square().sum() + cov.trace() + other_cov.trace() - 2 * trace
