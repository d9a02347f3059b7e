"""Frechet distance between features of real and of generated images.

Heusel et al., 2017, https://arxiv.org/abs/1706.08500, in the space of any extractor; only in that
of TF-Inception is its name `fid`. All statistics are float64.
"""

import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from zoo.metrics.extractors import Extractor


class FrechetDistance(FrechetInceptionDistance):
    """torchmetrics' states and synchronisation; images are uint8 (n, channels, h, w).

    With `reset_real_features` false, the real side survives `reset`.
    """

    def __init__(self, extractor: Extractor, reset_real_features: bool = False) -> None:
        super().__init__(extractor, reset_real_features, normalize=False)

    def compute(self) -> Tensor:
        """The distance, a float64 scalar; raises ValueError for fewer than two images a side."""
        real = moments(
            self.real_features_sum, self.real_features_cov_sum, self.real_features_num_samples
        )
        fake = moments(
            self.fake_features_sum, self.fake_features_cov_sum, self.fake_features_num_samples
        )
        return frechet_distance(*real, *fake)


def moments(total: Tensor, products: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and unbiased covariance (d, d) from a sum (d,) and a sum of outer products."""
    if n < 2:
        raise ValueError(f"a Frechet distance needs two images or more on each side, not {int(n)}")
    mean = total / n
    return mean, (products - n * mean.outer(mean)) / (n - 1)


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
