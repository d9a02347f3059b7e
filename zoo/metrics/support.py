"""Support size of a generator, by the birthday paradox.

Arora, Risteski & Zhang, 2018, https://arxiv.org/abs/1706.08224: among n samples of N equally likely
outputs, a duplicate is likely once n reaches the square root of N.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features
from zoo.metrics.manifold import CHUNK, distances

TAIL = 0.025  # on either side of a 95 % interval


class SupportSize(NamedTuple):
    """Estimated number of distinct outputs, its 95 % interval, and the duplicate pairs found."""

    estimate: float
    low: float
    high: float
    pairs: int


def support_size(features: Tensor, distance: float) -> SupportSize:
    """Number of distinct outputs N of a generator, from independent samples (n, d).

    Samples nearer than `distance` are duplicates; without any, `estimate` and `high` are infinite.
    The estimate is the most likely N given the number of distinct samples, those without an earlier
    duplicate, which is a sufficient statistic for equally likely outputs. The interval holds every
    N for which neither tail probability of that number is below 2.5 %. Its distribution is exact,
    so that the interval covers N with a probability of at least 95 %, for every n and N. Duplicate
    pairs are not independent: C(n, 2) / pairs agrees while pairs are few, but a Poisson interval
    around it is many times wider once n exceeds N. Outputs that are not equally likely give more
    duplicates; then only `low` is a bound on N, at 97.5 %. Raises NotEnough for n < 2 or
    distance <= 0, and BadFeatures or NotFinite for invalid features.
    """
    require_features("a support size", features)
    if len(features) < 2 or not distance > 0:
        raise NotEnough(
            "number of samples must be >= 2 and distance > 0 for a support size, got "
            f"{len(features)} and {distance}. Use more samples or a larger distance"
        )
    pairs = repeats = 0
    for _, distances_ in earlier_distances(features):
        duplicates = distances_ < distance
        pairs += int(duplicates.sum())
        repeats += int(duplicates.any(1).sum())
    return SupportSize(*estimate(len(features), len(features) - repeats), pairs)


def nearest_pairs(features: Tensor, count: int) -> Tensor:
    """Indices (count, 2) of the closest pairs among samples (n, d), closest first.

    A person inspects them to choose the distance of duplicates. Raises NotEnough unless `count` is
    from 1 to the number of pairs, and BadFeatures or NotFinite for invalid features.
    """
    require_features("nearest pairs", features)
    most = math.comb(len(features), 2)
    if not 1 <= count <= most:
        raise NotEnough(
            f"count must be from 1 to {most}, the pairs of {len(features)} samples, got {count}"
        )
    best = features.new_empty(0)
    pairs = torch.empty(0, 2, dtype=torch.long, device=features.device)
    for start, chunk in earlier_distances(features):
        values, flat = chunk.flatten().topk(min(count, chunk.numel()), largest=False)
        rows, columns = flat // chunk.shape[1] + start, flat % chunk.shape[1]
        best = torch.cat([best, values])
        pairs = torch.cat([pairs, torch.stack([columns, rows], dim=1)])
        best, order = best.sort(stable=True)
        best, pairs = best[:count], pairs[order[:count]]
    return pairs


def earlier_distances(features: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield `start` and distances of the rows from `start` on to all samples before each row.

    A chunk is (rows, start + rows); distances to the row itself and to later rows are infinite.
    """
    for start in range(0, len(features), CHUNK):
        rows = features[start : start + CHUNK]
        chunk = distances(rows, features[: start + len(rows)])
        later = torch.ones_like(chunk, dtype=torch.bool).triu(start)  # column >= row + start
        yield start, chunk.masked_fill_(later, math.inf)


def estimate(n: int, distinct: int) -> tuple[float, float, float]:
    """Most likely N if n samples have `distinct` different outputs, and its 95 % interval."""
    pivot = n * n if distinct == n else most_likely_size(n, distinct)
    pmf = occupancy(n, pivot)

    def pmf_for(size: int) -> Tensor:
        """P(k distinct | N = size) for k = 1, 2, ...: that of the pivot times a likelihood ratio.

        The ratio is at most 1 in the tail that is summed, and may overflow in the other.
        """
        k = torch.arange(1, min(n, size, pivot) + 1, dtype=torch.float64)
        # log of size! / (size - k)! / size^k, minus the same of the pivot, by increments
        increments = torch.log1p((1 - k) / size) - torch.log1p((1 - k) / pivot)
        return pmf[k.long()] * (increments.cumsum(0) + (n - k) * math.log(pivot / size)).exp()

    lower, higher = range(distinct, pivot + 1), range(pivot, 40 * n * n)
    low = bisect_left(lower, TAIL, key=lambda size: pmf_for(size)[distinct - 1 :].sum().item())
    past = bisect_left(higher, True, key=lambda size: bool(pmf_for(size)[:distinct].sum() < TAIL))
    if distinct == n:
        return math.inf, lower[low], math.inf
    return pivot, lower[low], higher[past - 1]


def most_likely_size(n: int, distinct: int) -> int:
    """N that maximizes the likelihood N! / (N - distinct)! / N^n of `distinct` outputs."""

    def decreases(size: int) -> bool:  # the likelihood, from N = size - 1 to N = size
        return n * math.log1p(-1 / size) < math.log1p(-distinct / size)

    return distinct + bisect_left(range(distinct + 1, n * n), True, key=decreases)


def occupancy(n: int, size: int) -> Tensor:
    """P(k distinct among n samples of `size` equally likely outputs) for k = 0 ... n: (n + 1,)."""
    pmf = torch.zeros(n + 1, dtype=torch.float64)
    pmf[0] = 1
    repeat = torch.arange(n + 1, dtype=torch.float64) / size  # P(repeat | k distinct so far)
    for i in range(1, n + 1):  # after i samples, at most i are distinct
        new = pmf[:i] * (1 - repeat[:i])
        pmf[: i + 1] *= repeat[: i + 1]
        pmf[1 : i + 1] += new
    return pmf
