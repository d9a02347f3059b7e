"""The Frechet distance at infinitely many samples: without the bias of few.

Chong & Forsyth, 2020, https://arxiv.org/abs/1911.07023: the bias falls as 1 / n, so that a line
through distances of fewer samples ends, at 1 / n = 0, at the distance of all.
"""

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features
from zoo.metrics.frechet import frechet_distance, statistics

SIZES = 15


def frechet_infinity(real: Tensor, fake: Tensor, seed: int = 0) -> Tensor:
    """The intercept of Frechet distance against 1 / size, a float64 scalar; it may be below zero.

    Features are (n, d) and (m, d) in float64; only the fakes are extrapolated. Their 15 random
    subsets, drawn by `seed`, have sizes from m / 2 to m, and from d + 1, which makes covariances
    regular, where that leaves 15 of them. Raises TypeError for anything but float64, and ValueError
    for fewer than two real images or 30 generated ones.
    """
    require_features("an extrapolation", real, fake)
    if len(fake) < 2 * SIZES:
        raise NotEnough(
            f"an extrapolation needs {2 * SIZES} generated images or more, not {len(fake)}"
        )
    draw, against = torch.Generator().manual_seed(seed), statistics(real)
    sizes = subset_sizes(*fake.shape)
    subsets = (fake[torch.randperm(len(fake), generator=draw)[:n].to(fake.device)] for n in sizes)
    read = torch.stack([frechet_distance(*against, *statistics(subset)) for subset in subsets])
    return intercept(1 / torch.tensor(sizes).to(read), read)


def subset_sizes(n: int, d: int) -> list[int]:
    """15 different sizes, evenly spaced up to n."""
    first = max(n // 2, d + 1) if d + SIZES <= n else n // 2
    return torch.linspace(first, n, SIZES, dtype=torch.float64).round().long().tolist()


def intercept(x: Tensor, y: Tensor) -> Tensor:
    """Where the line of least squares through (x, y) meets x = 0."""
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return y.mean() - slope * x.mean()
