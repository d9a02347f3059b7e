"""How many different images a generator draws, by the birthday paradox.

Arora, Risteski & Zhang, 2018, https://arxiv.org/abs/1706.08224: among n of N equally likely
outputs, some pair is likely to match once n reaches the square root of N.
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
    """The number of distinct outputs, its 95 % interval, and the duplicate pairs that were seen."""

    estimate: float
    low: float
    high: float
    pairs: int


def support_size(features: Tensor, distance: float) -> SupportSize:
    """How many outputs the generator of independent samples (n, d) has, where two nearer than
    `distance` are one and the same; without such a pair the estimate and `high` are infinite.

    The estimate is the most likely N given the number of distinct samples, those with no earlier
    duplicate: it holds all that equally likely outputs tell of N. The interval is every N under
    which neither so many nor so few are rarer than 2.5 %; their law is exact, so N is covered at
    least 95 % of the time, for every n and N. Pairs are not independent: C(n, 2) / pairs agrees
    while they are few, but a Poisson interval around it grows many times wider once n exceeds N.
    Unequally likely outputs match more often: then only `low` bounds N, at 97.5 %.
    Raises ValueError for fewer than two samples or a distance of zero or less.
    """
    require_features("a support size", features)
    if len(features) < 2 or not distance > 0:
        raise NotEnough(
            "duplicates need two samples or more and a distance above zero, "
            f"not {len(features)} and {distance}"
        )
    pairs = repeats = 0
    for _, apart in earlier(features):
        near = apart < distance
        pairs += int(near.sum())
        repeats += int(near.any(1).sum())
    return SupportSize(*estimate(len(features), len(features) - repeats), pairs)


def nearest_pairs(features: Tensor, count: int) -> Tensor:
    """Indices (count, 2) of the closest pairs among samples (n, d), closest first, for a person
    to judge which distance makes a duplicate; raises ValueError where there are fewer pairs."""
    require_features("a distance of pairs", features)
    if not 1 <= count <= math.comb(len(features), 2):
        raise NotEnough(f"{len(features)} samples do not have {count} pairs to choose from")
    best = features.new_empty(0)
    pairs = torch.empty(0, 2, dtype=torch.long, device=features.device)
    for start, apart in earlier(features):
        values, places = apart.flatten().topk(min(count, apart.numel()), largest=False)
        rows, columns = places // apart.shape[1] + start, places % apart.shape[1]
        best = torch.cat([best, values])
        pairs = torch.cat([pairs, torch.stack([columns, rows], dim=1)])
        best, order = best.sort(stable=True)
        best, pairs = best[:count], pairs[order[:count]]
    return pairs


def earlier(features: Tensor) -> Iterator[tuple[int, Tensor]]:
    """In chunks of rows from `start`: distances to the samples before each, others infinite."""
    for start in range(0, len(features), CHUNK):
        rows = features[start : start + CHUNK]
        apart = distances(rows, features[: start + len(rows)])
        later = torch.ones_like(apart, dtype=torch.bool).triu(start)
        yield start, apart.masked_fill_(later, math.inf)


def estimate(n: int, distinct: int) -> tuple[float, float, float]:
    """The most likely N where n draws gave `distinct` outputs, and its 95 % interval."""
    pivot = n * n if distinct == n else likeliest(n, distinct)
    law = occupancy(n, pivot)

    def shares(size: int) -> Tensor:
        """P(k distinct | N = size) for k = 1, 2, ...: the law at the pivot, times a ratio that is
        at most 1 on the side of `distinct` that is summed; on the other it may overflow."""
        k = torch.arange(1, min(n, size, pivot) + 1, dtype=torch.float64)
        fewer = torch.log1p((1 - k) / size) - torch.log1p((1 - k) / pivot)
        return law[k.long()] * (fewer.cumsum(0) + (n - k) * math.log(pivot / size)).exp()

    lower, higher = range(distinct, pivot + 1), range(pivot, 40 * n * n)
    low = bisect_left(lower, TAIL, key=lambda size: shares(size)[distinct - 1 :].sum().item())
    past = bisect_left(higher, True, key=lambda size: bool(shares(size)[:distinct].sum() < TAIL))
    if distinct == n:
        return math.inf, lower[low], math.inf
    return pivot, lower[low], higher[past - 1]


def likeliest(n: int, distinct: int) -> int:
    """The N of greatest likelihood, which is N! / (N - distinct)! / N^n up to a constant."""

    def falls(size: int) -> bool:  # from N = size - 1 to N = size
        return n * math.log1p(-1 / size) < math.log1p(-distinct / size)

    return distinct + bisect_left(range(distinct + 1, n * n), True, key=falls)


def occupancy(n: int, size: int) -> Tensor:
    """P(k distinct among n draws from `size` equally likely outputs), for k = 0 ... n."""
    law = torch.zeros(n + 1, dtype=torch.float64)
    law[0] = 1
    old = torch.arange(n + 1, dtype=torch.float64) / size  # P(a repeat) after k distinct
    for draw in range(1, n + 1):
        new = law[:draw] * (1 - old[:draw])
        law[: draw + 1] *= old[: draw + 1]
        law[1 : draw + 1] += new
    return law
