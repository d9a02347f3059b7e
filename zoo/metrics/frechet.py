"""Frechet distance between features of real and of generated images.

Heusel et al., 2017, https://arxiv.org/abs/1706.08500, in the space of any extractor; only in that
of TF-Inception is its name `fid`. All statistics are float64.
"""

import torch
from torch import Tensor

from zoo.metrics.checks import require_features, require_images


def frechet_between(real: Tensor, fake: Tensor) -> Tensor:
    """The distance of features (n, d) and (m, d), a float64 scalar.

    Raises TypeError for anything but float64, and ValueError for fewer than two images a side or
    features that are not finite, or differ in width.
    """
    for features in (real, fake):
        if features.dtype != torch.float64:
            raise TypeError(f"the features must be float64, not {features.dtype}")
    require_features("a Frechet distance", real, fake)
    return frechet_distance(*statistics(real), *statistics(fake))


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and unbiased covariance (d, d) of features (n, d); raises ValueError for n < 2
    and for features that are not finite."""
    require_images("a Frechet distance", 2, features)
    require_features("a Frechet distance", features)
    mean = features.mean(0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


def frechet_distance(mean: Tensor, cov: Tensor, other_mean: Tensor, other_cov: Tensor) -> Tensor:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) for means (d,) and covariances (d, d).

    (C C')^(1/2) has the trace of (C^(1/2) C' C^(1/2))^(1/2), which is symmetric. Raises TypeError
    for anything but float64: in float32 the last digits that tables print are noise.
    """
    for statistic in (mean, cov, other_mean, other_cov):
        if statistic.dtype != torch.float64:
            raise TypeError(f"the statistics must be float64, not {statistic.dtype}")
    values, vectors = torch.linalg.eigh(cov)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ other_cov @ root).clamp(min=0).sqrt().sum()
    return (mean - other_mean).square().sum() + cov.trace() + other_cov.trace() - 2 * mixed
