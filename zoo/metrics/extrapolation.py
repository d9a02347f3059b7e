"""Frechet distance extrapolated to infinitely many samples, without the bias of finite samples.

Chong & Forsyth, 2020, https://arxiv.org/abs/1911.07023: the bias is proportional to 1 / n, so that
the intercept of a line through the distances of several n is the distance at 1 / n = 0.
"""

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features
from zoo.metrics.frechet import frechet_distance, statistics

SIZES = 15  # number of subsets


def frechet_infinity(real: Tensor, fake: Tensor, seed: int = 0) -> Tensor:
    """Intercept of the Frechet distance as a function of 1 / size, a float64 scalar.

    The intercept may be negative. Features are (n, d) and (m, d) in float64; only the fake side is
    extrapolated. Its 15 random subsets have sizes from m / 2 to m. The sizes start at d + 1, which
    makes the covariances regular, if that leaves 15 sizes. Raises TypeError unless the features are
    float64, NotEnough for n < 2 or m < 30, and BadFeatures or NotFinite for invalid features.
    """
    require_features("an extrapolation", real, fake)
    if len(fake) < 2 * SIZES:
        raise NotEnough(
            f"number of generated images must be >= {2 * SIZES} for an extrapolation, got "
            f"{len(fake)}. Generate more images"
        )
    generator, real_statistics = torch.Generator().manual_seed(seed), statistics(real)
    sizes = subset_sizes(*fake.shape)
    orders = (torch.randperm(len(fake), generator=generator) for _ in sizes)
    subsets = (fake[order[:n].to(fake.device)] for order, n in zip(orders, sizes, strict=True))
    distances = torch.stack([frechet_distance(*real_statistics, *statistics(s)) for s in subsets])
    return intercept(1 / torch.tensor(sizes).to(distances), distances)


def subset_sizes(n: int, d: int) -> list[int]:
    """Sizes of 15 subsets of n features of width d, evenly spaced up to n."""
    first = max(n // 2, d + 1) if d + SIZES <= n else n // 2
    return torch.linspace(first, n, SIZES, dtype=torch.float64).round().long().tolist()


def intercept(x: Tensor, y: Tensor) -> Tensor:
    """Intercept at x = 0 of the least-squares line through points x and y, both (n,)."""
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return y.mean() - slope * x.mean()
