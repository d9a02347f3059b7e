"""Metrics agree with brute force, closed forms and known distributions."""

import math
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, product

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torchmetrics.image.kid import poly_mmd

from zoo.metrics.bounds import (
    active_units,
    bits_per_dimension,
    divergence_per_dimension,
    importance_weighted,
    perplexity,
)
from zoo.metrics.codes import anomaly_auroc, clustering_accuracy, linear_probe, nearest_neighbors
from zoo.metrics.extrapolation import frechet_infinity, intercept, subset_sizes
from zoo.metrics.frechet import frechet_between
from zoo.metrics.kernel import CHUNK, kernel_distance
from zoo.metrics.manifold import density_coverage, precision_recall, radii
from zoo.metrics.memorization import memorization, nearest
from zoo.metrics.modes import count_modes, stacked
from zoo.metrics.scores import inception_score
from zoo.metrics.support import estimate, most_likely_size, nearest_pairs, occupancy, support_size

SIZES = [2, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3]  # around the limits of chunks


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shuffled(x: Tensor) -> Tensor:
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(9))]


def apart(x: Tensor, y: Tensor) -> Tensor:
    """All distances, without chunks and without cdist."""
    return (x[:, None] - y[None]).norm(dim=2)


# kernel distance


@pytest.mark.parametrize("n", SIZES)
def test_the_kernel_distance_equals_torchmetrics(n: int) -> None:
    real, fake = draw(n, 5), 0.8 * draw(n, 5, seed=1) + 0.3
    expected = poly_mmd(real, fake)
    torch.testing.assert_close(kernel_distance(real, fake), expected, rtol=1e-9, atol=1e-9)


def test_the_kernel_distance_averages_over_pairs() -> None:
    real, fake = draw(6, 3), draw(4, 3, seed=1)

    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 3 + 1) ** 3)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    expected = (
        mean([kernel(a, b) for a, b in combinations(real, 2)])
        + mean([kernel(a, b) for a, b in combinations(fake, 2)])
        - 2 * mean([kernel(a, b) for a, b in product(real, fake)])
    )
    assert kernel_distance(real, fake).item() == pytest.approx(expected, rel=1e-12)
    assert kernel_distance(fake, real).item() == pytest.approx(expected, rel=1e-12)
    assert kernel_distance(shuffled(real), fake).item() == pytest.approx(expected, rel=1e-12)


def test_the_kernel_distance_is_unbiased() -> None:
    """The mean over few samples is the sum of squared differences of moments.

    The second and the first moment count three times. Those of N(s, 1) are s, 1 + s^2 and
    3 s + s^3.
    """
    s = 0.5
    expected = (3 * s + s**3) ** 2 + 3 * (s**2) ** 2 + 3 * s**2
    same = torch.stack(
        [kernel_distance(draw(9, 1, seed=i), draw(7, 1, seed=i + 1000)) for i in range(1000)]
    )
    other = torch.stack(
        [kernel_distance(draw(9, 1, seed=i), draw(7, 1, seed=i + 1000) + s) for i in range(1000)]
    )
    error = 4 / len(same) ** 0.5
    assert abs(same.mean()) < error * same.std()
    assert same.min() < 0
    assert abs(other.mean() - expected) < error * other.std()


def test_ten_thousand_images_need_little_memory() -> None:
    """The peak memory of a separate process grows by less than 200 MB."""
    code = (
        "import resource, torch; from zoo.metrics.kernel import kernel_distance; "
        "from zoo.metrics.manifold import radii; from zoo.metrics.memorization import nearest; "
        "x = torch.randn(10_000, 2, dtype=torch.float64); radii(x[:9] @ x[:2].T, 3); "
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024; start = peak(); "
        "kernel_distance(x, x), radii(x, 3), nearest(x, x); print(peak() - start)"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 200


@pytest.mark.parametrize("sides", [(1, 5), (5, 1), (0, 5)])
def test_the_kernel_distance_of_one_image_raises(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"images.*>= 2.*got {min(sides)}"):
        kernel_distance(*(draw(n, 3) for n in sides))


def test_the_kernel_distance_of_float32_raises() -> None:
    for real, fake in ((draw(5, 3).float(), draw(5, 3)), (draw(5, 3), draw(5, 3).float())):
        with pytest.raises(TypeError, match="float64"):
            kernel_distance(real, fake)


# precision and recall, density and coverage


def balls(x: Tensor, k: int) -> Tensor:
    return apart(x, x).sort(dim=1).values[:, k]


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(7, 9), (CHUNK, CHUNK + 1), (CHUNK + 5, 6), (300, 2 * CHUNK)])
def test_manifold_metrics_agree_with_brute_force(n: int, m: int, k: int) -> None:
    real, fake = draw(n, 3), 0.7 * draw(m, 3, seed=1) + 0.4
    between, of_real, of_fake = apart(real, fake), balls(real, k), balls(fake, k)
    torch.testing.assert_close(radii(real, k), of_real)
    precision = (between <= of_real[:, None]).any(0).double().mean().item()
    recall = (between <= of_fake).any(1).double().mean().item()
    assert precision_recall(real, fake, k) == pytest.approx((precision, recall))
    density = (between < of_real[:, None]).sum().item() / (k * m)
    coverage = (between.min(1).values < of_real).double().mean().item()
    assert density_coverage(real, fake, k) == pytest.approx((density, coverage))


def test_real_images_against_themselves_are_perfect() -> None:
    real = draw(CHUNK + 40, 8)
    assert precision_recall(real, shuffled(real)) == (1, 1)
    assert density_coverage(real, shuffled(real)) == (1, 1)


def test_distant_and_collapsed_samples() -> None:
    real = draw(50, 2)
    assert precision_recall(real, real + 100) == (0, 0)
    assert density_coverage(real, real + 100) == (0, 0)
    collapsed = precision_recall(real, real[:1].expand(50, -1))
    assert collapsed.precision == 1
    assert collapsed.recall == pytest.approx(1 / 50)


def test_swapping_the_sides_swaps_precision_and_recall() -> None:
    real, fake = draw(60, 2), 2 * draw(70, 2, seed=1)
    assert precision_recall(real, fake) == precision_recall(fake, real)[::-1]


def test_manifold_metrics_are_invariant_to_shift_scale_and_order() -> None:
    real, fake = draw(80, 4), draw(90, 4, seed=1) + 0.5
    moved = [shuffled(4 * x + 3) for x in (real, fake)]
    for measure in (precision_recall, density_coverage):
        assert measure(*moved) == pytest.approx(measure(real, fake))


def test_coverage_of_equal_distributions_is_lemma_2_of_the_paper() -> None:
    """1 - (n - 1) ... (n - k) / (n + m - 1) ... (n + m - k) for any distribution; density is 1."""
    n, m, k = 120, 90, 5
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    values = [density_coverage(draw(n, 2, seed=i), draw(m, 2, seed=i + 500), k) for i in range(200)]
    density, coverage = torch.tensor(values).mean(0).tolist()
    assert coverage == pytest.approx(expected, abs=0.01)
    assert density == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
@pytest.mark.parametrize(("n", "k"), [(3, 3), (0, 3), (5, 0)])
def test_an_invalid_k_raises(
    measure: Callable[[Tensor, Tensor, int], tuple[float, float]], n: int, k: int
) -> None:
    with pytest.raises(ValueError, match=rf"k .*{n - 1}.*got {k}"):
        measure(draw(n, 2), draw(9, 2), k)


def test_density_without_fakes_raises() -> None:
    with pytest.raises(ValueError, match=r"images.*got 0"):
        density_coverage(draw(9, 2), draw(0, 2))


# extrapolated Frechet distance


def test_intercept_of_a_line() -> None:
    x = 1 / torch.arange(50, 65).double()
    assert intercept(x, 3.5 + 20 * x).item() == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("n", "d", "first"), [(30, 4, 15), (1000, 84, 500), (1000, 700, 701), (100, 90, 50)]
)
def test_subset_sizes_start_at_half_or_above_the_rank(n: int, d: int, first: int) -> None:
    sizes = subset_sizes(n, d)
    assert (len(set(sizes)), sizes[0], sizes[-1]) == (15, first, n)
    steps = torch.tensor(sizes).diff()
    assert steps.max() - steps.min() <= 1


def test_extrapolation_reduces_the_bias() -> None:
    real, shift = draw(20_000, 8), 0.3
    plain, infinite = [], []
    for seed in range(10):
        fake = draw(400, 8, seed=seed + 1) + shift
        plain.append(frechet_between(real, fake).item())
        infinite.append(frechet_infinity(real, fake, seed).item())
    exact = 8 * shift**2
    bias, remaining = (abs(sum(v) / len(v) - exact) for v in (plain, infinite))
    assert remaining < bias / 2


def test_extrapolation_is_reproducible_and_shift_invariant() -> None:
    real, fake = draw(300, 4), draw(200, 4, seed=1)
    once = frechet_infinity(real, fake)
    assert once.dtype == torch.float64
    assert once == frechet_infinity(real, fake, seed=0) != frechet_infinity(real, fake, seed=1)
    torch.testing.assert_close(frechet_infinity(real + 2, fake + 2), once)
    torch.testing.assert_close(frechet_infinity(shuffled(real), fake), once)


def test_extrapolation_of_too_few_images_raises() -> None:
    with pytest.raises(ValueError, match=r"generated images.*30.*got 29"):
        frechet_infinity(draw(50, 2), draw(29, 2))
    with pytest.raises(ValueError, match=r"images.*>= 2.*got 1"):
        frechet_infinity(draw(1, 2), draw(50, 2))
    with pytest.raises(TypeError, match="float64"):
        frechet_infinity(draw(50, 2).float(), draw(50, 2).float())


# support size


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
    near = apart(features, features).triu(1)
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
    features = 1e3 + draw(1, 64).expand(400, -1)
    assert support_size(features, distance=1e-12) == (1, 1, 1, math.comb(400, 2))


def test_most_likely_size_maximizes_the_likelihood() -> None:
    def log_likelihood(size: int) -> float:
        return math.lgamma(size + 1) - math.lgamma(size - 60 + 1) - 80 * math.log(size)

    best = most_likely_size(80, 60)
    assert log_likelihood(best - 1) < log_likelihood(best) > log_likelihood(best + 1)


@pytest.mark.parametrize("n", SIZES)
def test_nearest_pairs_agree_with_sorting(n: int) -> None:
    features, count = draw(n, 2), min(20, math.comb(n, 2))
    distances = apart(features, features)
    pairs = nearest_pairs(features, count)
    assert pairs.shape == (count, 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    expected = distances[torch.ones_like(distances).triu(1).bool()].sort().values[:count]
    torch.testing.assert_close(distances[pairs[:, 0], pairs[:, 1]], expected)


def test_an_invalid_number_of_pairs_raises() -> None:
    pairs = {(i, j) for i, j in nearest_pairs(draw(9, 2), 36).tolist()}
    assert pairs == set(combinations(range(9), 2))
    for count in (0, 37):
        with pytest.raises(ValueError, match=rf"count.*36.*got {count}"):
            nearest_pairs(draw(9, 2), count)


@pytest.mark.parametrize(("n", "distance"), [(1, 0.1), (0, 0.1), (5, 0.0), (5, -1.0)])
def test_invalid_samples_or_distances_raise(n: int, distance: float) -> None:
    with pytest.raises(ValueError, match=rf"samples.*distance.*got {n} and {distance}"):
        support_size(draw(n, 2), distance)


# memorization


@pytest.mark.parametrize("n", [1, *SIZES])
def test_nearest_agrees_with_brute_force(n: int) -> None:
    features, among = draw(n, 4), draw(300, 4, seed=1)
    distances, indices = nearest(features, among)
    expected = apart(features, among).min(1)
    torch.testing.assert_close(distances, expected.values)
    assert torch.equal(indices, expected.indices)


def test_a_copy_is_at_zero_for_any_origin() -> None:
    train = draw(400, 64) + 1e8
    distances, indices = nearest(train[100:200], train)
    assert torch.equal(distances, torch.zeros(100, dtype=torch.float64))
    assert torch.equal(indices, torch.arange(100, 200))


def test_memorization_of_copies_and_of_held_out_images() -> None:
    train, held_out = draw(500, 6), draw(200, 6, seed=1)
    copies = memorization(train[:90], train, held_out)
    assert (copies.share, copies.samples) == (1, 0)
    independent = memorization(shuffled(held_out), train, held_out)
    assert independent.share == 0.5
    assert independent.samples == independent.held_out > 0
    assert memorization(held_out + 100, train, held_out).share == 0


def test_memorization_in_closed_form() -> None:
    train, held_out = torch.zeros(1, 1), torch.tensor([[1.0], [2.0], [4.0], [5.0]])
    fake = torch.tensor([[0.5], [-2.9], [3.0], [7.0], [8.0]])  # a tie is not nearer
    assert memorization(fake, train, held_out) == pytest.approx((2 / 5, 3, 3))


@pytest.mark.parametrize(("empty", "name"), [(0, "generated"), (1, "training"), (2, "held-out")])
def test_memorization_of_an_empty_side_raises(empty: int, name: str) -> None:
    sides = [draw(0 if i == empty else 5, 2) for i in range(3)]
    with pytest.raises(ValueError, match=rf"{name} images.*got 0"):
        memorization(*sides)


def test_nearest_of_no_rows() -> None:
    assert [len(result) for result in nearest(draw(0, 2), draw(5, 2))] == [0, 0]
    with pytest.raises(ValueError, match=r"images.*got 0"):
        nearest(draw(5, 2), draw(0, 2))


# modes


def test_a_uniform_histogram_misses_no_class() -> None:
    modes = count_modes(torch.tensor([*range(8), *range(8)]), 8)
    torch.testing.assert_close(modes.histogram, torch.full((8,), 1 / 8).double())
    assert (modes.captured, modes.missing) == (8, 0)
    assert modes.entropy == pytest.approx(math.log(8))
    assert modes.divergence == pytest.approx(0, abs=1e-12)


def test_a_single_class_misses_all_others() -> None:
    modes = count_modes(torch.tensor([3, 3, 3]), 10)
    assert (modes.captured, modes.missing, modes.entropy) == (1, 9, 0)
    assert modes.divergence == pytest.approx(math.log(10))


def test_a_tenth_of_a_uniform_fraction_is_not_missing() -> None:
    assert count_modes(torch.tensor([*[0] * 19, 1]), 2).missing == 0  # 5 % of 50 %
    assert count_modes(torch.tensor([*[0] * 20, 1]), 2).missing == 1


def test_divergence_from_an_expected_histogram() -> None:
    sampled = torch.tensor([0, 0, 1, 2])
    modes = count_modes(sampled, 3, torch.tensor([0.5, 0.25, 0.25]))
    assert modes.divergence == pytest.approx(0, abs=1e-7)
    modes = count_modes(sampled, 3, torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64))
    assert modes.divergence == pytest.approx(0.5 * math.log(2) - 0.25 * math.log(2))
    assert count_modes(sampled, 3, torch.tensor([0.5, 0.5, 0.0])).divergence == math.inf
    assert count_modes(torch.tensor([0]), 2, torch.tensor([1.0, 0.0])).divergence == 0


@pytest.mark.parametrize("expected", [[0.5, 0.5], [0.5, 0.5, 0.5], [1.5, -0.5, 0.0]])
def test_an_invalid_expected_histogram_raises(expected: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected.*3"):
        count_modes(torch.tensor([0]), 3, torch.tensor(expected))


def test_a_histogram_without_samples_raises() -> None:
    with pytest.raises(ValueError, match=r"images.*got 0"):
        count_modes(torch.tensor([], dtype=torch.long), 10)


@pytest.mark.parametrize(
    ("kinds", "divergence"), [(1000, 0), (500, math.log(2)), (1, math.log(1000))]
)
def test_modes_of_stacked_digits(kinds: int, divergence: float) -> None:
    """All modes, half of them, and one of them, with equal frequencies."""
    number = torch.arange(26_000) % kinds
    digits = torch.stack([number // 100, number // 10 % 10, number % 10], dim=1)
    modes = count_modes(stacked(digits), 1000)
    assert modes.captured == kinds
    assert modes.divergence == pytest.approx(divergence, abs=1e-6)


# scores


def test_the_inception_score_is_the_number_of_distinct_classes() -> None:
    logits = 1e3 * torch.eye(4).repeat(30, 1)
    assert inception_score(logits, parts=3) == pytest.approx(4)
    assert inception_score(logits[:1].expand(120, -1)) == pytest.approx(1)
    assert inception_score(torch.zeros(120, 4)) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"images.*10.*got 9"):
        inception_score(logits[:9])


# codes


def blobs(n: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Codes (n, 4) around one center for each class; an uninformative latent is much larger."""
    labels = torch.arange(n) % classes
    codes = 0.1 * draw(n, 4, seed=seed)
    codes[:, 0] += labels
    codes[:, 3] *= 1e4
    return codes, labels


def test_a_linear_probe_separates_linear_classes() -> None:
    train, test = blobs(200, 2, seed=0), blobs(100, 2, seed=1)
    assert linear_probe(*train, *test) == 1
    assert linear_probe(*train, *test, n=20) > 0.9
    assert linear_probe(*train, test[0], 1 - test[1]) == 0


def test_a_linear_probe_is_invariant_to_the_scale_of_codes() -> None:
    (codes, labels), (others, expected) = blobs(60, 2, seed=0), blobs(200, 2, seed=1)
    units = torch.tensor([1e-4, 1.0, 10.0, 1e3])
    train, test = (
        0.5 * draw(n, 4, seed=seed) + x[:, :1] for n, seed, x in ((60, 2, codes), (200, 3, others))
    )
    accuracy = linear_probe(train, labels, test, expected)
    assert 0.9 < accuracy < 1
    assert linear_probe(train * units + 5, labels, test * units + 5, expected) == accuracy


def test_nearest_neighbors_agree_with_votes() -> None:
    (codes, labels), (others, expected) = blobs(200, 4, seed=0), blobs(101, 4, seed=1)
    train, test = codes[:, :3], others[:, :3]
    assert nearest_neighbors(train, labels, test, expected) == 1
    neighbors = apart(test[:, :1], train[:, :1]).topk(7, largest=False).indices
    accuracy = (labels[neighbors].mode(1).values == expected).double().mean().item()
    assert nearest_neighbors(train[:, :1], labels, test[:, :1], expected, k=7) == accuracy


@pytest.mark.parametrize("measure", [linear_probe, nearest_neighbors])
def test_random_codes_give_chance_accuracy(measure: Callable[..., float]) -> None:
    train, test = blobs(400, 2, seed=0), blobs(400, 2, seed=1)
    noise = draw(400, 4, seed=2), draw(400, 4, seed=3)
    assert measure(noise[0], train[1], noise[1], test[1]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("measure", [linear_probe, nearest_neighbors])
def test_a_seed_selects_the_labels(measure: Callable[..., float]) -> None:
    codes, labels = draw(300, 4), torch.arange(300) % 2
    codes[:, 0] += labels
    others = codes + 0.5 * draw(300, 4, seed=1)
    values = [measure(codes, labels, others, labels, n=12, seed=seed) for seed in (0, 0, 1, 2, 3)]
    assert values[0] == values[1]
    assert len(set(values)) > 1
    with_all = measure(codes, labels, others, labels, n=300)
    assert with_all == pytest.approx(measure(codes, labels, others, labels), abs=0.01)
    for n in (0, 301):
        with pytest.raises(ValueError, match=rf"n .*300.*got {n}"):
            measure(codes, labels, others, labels, n=n)


def test_too_few_classes_or_labels_raise() -> None:
    codes, labels = blobs(20, 2, seed=0)
    with pytest.raises(ValueError, match=r"classes.*got 1"):
        linear_probe(codes, torch.zeros(20), codes, labels)
    with pytest.raises(ValueError, match=r"k .*4, got 5"):
        nearest_neighbors(codes, labels, codes, labels, n=4)


def test_auroc_is_the_frequency_of_higher_scores() -> None:
    scores, labels = draw(60), torch.arange(60) % 3
    anomalous, normal = scores[labels == 2], scores[labels != 2]
    expected = (anomalous[:, None] > normal).double().mean().item()
    assert anomaly_auroc(scores, labels, held_out=2) == pytest.approx(expected)
    assert anomaly_auroc(-scores, labels, held_out=2) == pytest.approx(1 - expected)
    assert anomaly_auroc((labels == 2).float(), labels, held_out=2) == 1
    assert anomaly_auroc(torch.zeros(60), labels, held_out=2) == 0.5


@pytest.mark.parametrize(("held_out", "count"), [(7, 0), (1, 4)])
def test_auroc_of_one_class_raises(held_out: int, count: int) -> None:
    with pytest.raises(ValueError, match=rf"class {held_out} .*got {count} of 4"):
        anomaly_auroc(torch.zeros(4), torch.ones(4, dtype=torch.long), held_out)


# bounds


def test_one_weight_is_the_evidence_lower_bound() -> None:
    weights = draw(1, 50)
    torch.testing.assert_close(importance_weighted(weights), weights.mean())


def test_the_bound_of_equal_and_of_different_weights() -> None:
    weights = draw(1, 50)
    torch.testing.assert_close(importance_weighted(weights.expand(20, -1)), weights.mean())
    weights = draw(20, 50)
    assert weights.mean() < importance_weighted(weights) < weights.max()
    torch.testing.assert_close(importance_weighted(weights), weights.exp().mean(0).log().mean())
    torch.testing.assert_close(
        importance_weighted(weights - 2000), importance_weighted(weights) - 2000
    )


def test_importance_weighting_converges_to_the_evidence() -> None:
    """x = z + noise, both N(0, 1): log p(x) is that of N(0, 2), and q is the prior."""
    x, prior = draw(1, 200), Normal(torch.zeros(()).double(), 1)
    weights = Normal(draw(5000, 200, seed=1), 1).log_prob(x)  # the prior cancels
    evidence = Normal(prior.mean, 2**0.5).log_prob(x).mean()
    bounds = [importance_weighted(weights[:k]) for k in (1, 10, 100, 5000)]
    assert bounds == sorted(bounds)
    assert bounds[-1].item() == pytest.approx(evidence.item(), abs=0.01)


@pytest.mark.parametrize("levels", [2, 256])
@pytest.mark.parametrize("dimensions", [1, 28 * 28])
def test_a_uniform_density_costs_the_logarithm_of_the_levels(levels: int, dimensions: int) -> None:
    """Uniform over all levels, each with half a step on either side."""
    nats = torch.tensor(-dimensions * math.log(levels * 2 / (levels - 1)), dtype=torch.float64)
    bits = bits_per_dimension(nats, dimensions, levels)
    assert bits.item() == pytest.approx(math.log2(levels))


def test_bits_agree_with_the_probabilities_of_levels() -> None:
    """A Gaussian that is nearly constant across a level."""
    density = Normal(torch.tensor(0.1).double(), 0.3)
    level = torch.arange(256).double()
    x, half = 2 * level / 255 - 1, 1 / 255
    probabilities = density.cdf(x + half) - density.cdf(x - half)
    bits = bits_per_dimension(density.log_prob(x), 1)
    torch.testing.assert_close(bits, -probabilities.log2(), rtol=1e-3, atol=1e-3)


def test_active_units_have_varying_means() -> None:
    means = draw(2000, 4) * torch.tensor([1.0, 0.2, 0.05, 0.0]) + 7
    assert active_units(means) == 0.5
    with pytest.raises(ValueError, match=r"images.*>= 2.*got 1"):
        active_units(means[:1])


def test_divergence_of_each_latent() -> None:
    mean, std = draw(30, 5), draw(30, 5, seed=1).exp()
    expected = (mean.square() + std.square() - 1 - 2 * std.log()).mean(0) / 2
    torch.testing.assert_close(divergence_per_dimension(mean, std), expected)
    q = Normal(mean, std)
    total = kl_divergence(q, Normal(torch.zeros_like(mean), 1)).sum(1).mean()
    torch.testing.assert_close(divergence_per_dimension(mean, std).sum(), total)
    assert (divergence_per_dimension(torch.zeros(3, 2), torch.ones(3, 2)) == 0).all()


def test_perplexity_is_the_number_of_used_codes() -> None:
    assert perplexity(torch.tensor([4, 4, 4, 4])) == pytest.approx(4)
    assert perplexity(torch.tensor([0, 7, 0, 7])) == pytest.approx(2)
    assert perplexity(torch.tensor([0, 9])) == 1
    assert perplexity(torch.tensor([3, 1])) == pytest.approx(4 / 3**0.75)
    with pytest.raises(ValueError, match=r"counts.*sum of 0"):
        perplexity(torch.zeros(8))


def test_categories_are_assigned_to_classes_one_to_one() -> None:
    """The numbering does not matter; only one of two categories of a class counts."""
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert clustering_accuracy(torch.tensor([2, 2, 0, 0, 1, 1]), labels) == 1
    assert clustering_accuracy(torch.tensor([3, 0, 1, 1, 2, 2]), labels) == 5 / 6
    assert clustering_accuracy(torch.zeros(6, dtype=torch.long), labels) == 2 / 6
