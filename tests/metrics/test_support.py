"""The support size agrees with brute force and known generators."""

import math
from itertools import combinations, product

import pytest
import torch
from tensors import SIZES, pairwise_distances, randn64
from torch import Tensor

from zoo.metrics.kernel import CHUNK
from zoo.metrics.support import estimate, most_likely_size, nearest_pairs, occupancy, support_size


def outputs(size: int, n: int, seed: int, weights: Tensor | None = None) -> Tensor:
    """Samples (n, 1) of a generator with the outputs 0 ... size - 1, with a little noise."""
    own = torch.Generator().manual_seed(seed)
    weights = torch.ones(size) if weights is None else weights
    index = weights.multinomial(n, replacement=True, generator=own).double()
    return (index + 0.01 * torch.randn(n, generator=own)).unsqueeze(1)


@pytest.mark.parametrize(("n", "size"), [(4, 3), (5, 5), (3, 6)])
def test_occupancy_agrees_with_enumeration(n: int, size: int) -> None:
    counts = torch.tensor([len(set(sample)) for sample in product(range(size), repeat=n)])
    expected = counts.bincount(minlength=n + 1).double() / size**n
    torch.testing.assert_close(occupancy(n, size), expected)


@pytest.mark.parametrize("n", [2, 3, 7, 16])
def test_the_interval_agrees_with_brute_force(n: int) -> None:
    """Brute force: the distribution for each N, without likelihood ratios."""
    pmfs = {size: occupancy(n, size) for size in range(1, 40 * n)}
    for distinct in range(1, n):
        inside = [
            size
            for size, pmf in pmfs.items()
            if pmf[distinct:].sum() >= 0.025 and pmf[: distinct + 1].sum() >= 0.025
        ]
        best, low, high = estimate(n, distinct)
        assert low == inside[0]
        assert high == inside[-1] or inside[-1] == 40 * n - 1 < high
        if best < 40 * n - 1:
            assert pmfs[int(best)][distinct] >= max(pmf[distinct] for pmf in pmfs.values()) - 1e-15


@pytest.mark.parametrize(("size", "n"), [(10, 10), (10, 100), (100, 40), (100, 400), (1000, 100)])
def test_the_interval_covers_exactly(size: int, n: int) -> None:
    """The exact probability that the interval covers N, without simulation."""
    coverage = 0.0
    for distinct, probability in enumerate(occupancy(n, size).tolist()):
        if probability > 1e-6:
            _, low, high = estimate(n, distinct)
            coverage += probability * (low <= size <= high)
    assert coverage >= 0.95 - 1e-4


@pytest.mark.parametrize(
    ("size", "n"), [(10, 20), (10, 300), (100, 30), (100, 300), (1000, 150), (10_000, 500)]
)
def test_the_interval_covers_generators_of_known_size(size: int, n: int) -> None:
    results = [support_size(outputs(size, n, seed), distance=0.3) for seed in range(60)]
    assert sum(result.low <= size <= result.high for result in results) >= 54
    assert sum(result.low <= result.estimate <= result.high for result in results) == 60


def test_the_lower_limit_holds_for_unequal_probabilities() -> None:
    weights = 1 / torch.arange(1, 301).float()
    results = [support_size(outputs(300, 200, seed, weights), distance=0.3) for seed in range(60)]
    assert sum(result.low <= 300 for result in results) >= 57
    assert sum(result.estimate < 300 for result in results) >= 57  # of the frequent outputs


def test_few_pairs_give_the_birthday_estimate() -> None:
    result = support_size(outputs(10_000, 400, seed=1), distance=0.3)
    assert 1 < result.pairs < 20
    assert result.estimate == pytest.approx(math.comb(400, 2) / result.pairs, rel=0.05)


def test_pairs_and_repeats_are_counted_across_chunks() -> None:
    features = outputs(50, 2 * CHUNK + 9, seed=0)
    near = pairwise_distances(features, features).triu(1)
    pairs = int(((near > 0) & (near < 0.3)).sum())
    assert support_size(features, distance=0.3).pairs == pairs
    assert support_size(features, distance=0.3).estimate == 50


def test_without_duplicates_the_upper_limit_is_infinite() -> None:
    features = torch.arange(CHUNK + 50.0, dtype=torch.float64)[:, None]
    result = support_size(features, distance=1.0)  # a distance of exactly 1 is no duplicate
    assert (result.estimate, result.high, result.pairs) == (math.inf, math.inf, 0)
    pairs = math.comb(len(features), 2)
    # Poisson: P(no duplicate) = e^-(pairs / N)
    assert result.low == pytest.approx(pairs / -math.log(0.025), rel=0.01)


def test_copies_are_duplicates_at_any_distance() -> None:
    features = 1e3 + randn64(1, 64).expand(400, -1)
    assert support_size(features, distance=1e-12) == (1, 1, 1, math.comb(400, 2))


def test_most_likely_size_maximizes_the_likelihood() -> None:
    def log_likelihood(size: int) -> float:
        return math.lgamma(size + 1) - math.lgamma(size - 60 + 1) - 80 * math.log(size)

    best = most_likely_size(80, 60)
    assert log_likelihood(best - 1) < log_likelihood(best) > log_likelihood(best + 1)


@pytest.mark.parametrize("n", SIZES)
def test_nearest_pairs_agree_with_sorting(n: int) -> None:
    features, count = randn64(n, 2), min(20, math.comb(n, 2))
    distances = pairwise_distances(features, features)
    pairs = nearest_pairs(features, count)
    assert pairs.shape == (count, 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    expected = distances[torch.ones_like(distances).triu(1).bool()].sort().values[:count]
    torch.testing.assert_close(distances[pairs[:, 0], pairs[:, 1]], expected)


def test_an_invalid_number_of_pairs_raises() -> None:
    pairs = {(i, j) for i, j in nearest_pairs(randn64(9, 2), 36).tolist()}
    assert pairs == set(combinations(range(9), 2))
    for count in (0, 37):
        with pytest.raises(ValueError, match=rf"count.*36.*got {count}"):
            nearest_pairs(randn64(9, 2), count)


@pytest.mark.parametrize(("n", "distance"), [(1, 0.1), (0, 0.1), (5, 0.0), (5, -1.0)])
def test_invalid_samples_or_distances_raise(n: int, distance: float) -> None:
    with pytest.raises(ValueError, match=rf"samples.*distance.*got {n} and {distance}"):
        support_size(randn64(n, 2), distance)
