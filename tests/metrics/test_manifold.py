"""Precision, recall, density and coverage agree with brute force."""

import math
from collections.abc import Callable

import pytest
import torch
from tensors import pairwise_distances, randn64, shuffled
from torch import Tensor

from zoo.metrics.kernel import CHUNK
from zoo.metrics.manifold import density_coverage, precision_recall, radii


def balls(x: Tensor, k: int) -> Tensor:
    return pairwise_distances(x, x).sort(dim=1).values[:, k]


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(7, 9), (CHUNK, CHUNK + 1), (CHUNK + 5, 6), (300, 2 * CHUNK)])
def test_manifold_metrics_agree_with_brute_force(n: int, m: int, k: int) -> None:
    real, fake = randn64(n, 3), 0.7 * randn64(m, 3, seed=1) + 0.4
    between, of_real, of_fake = pairwise_distances(real, fake), balls(real, k), balls(fake, k)
    torch.testing.assert_close(radii(real, k), of_real)
    precision = (between <= of_real[:, None]).any(0).double().mean().item()
    recall = (between <= of_fake).any(1).double().mean().item()
    assert precision_recall(real, fake, k) == pytest.approx((precision, recall))
    density = (between < of_real[:, None]).sum().item() / (k * m)
    coverage = (between.min(1).values < of_real).double().mean().item()
    assert density_coverage(real, fake, k) == pytest.approx((density, coverage))


def test_real_images_against_themselves_are_perfect() -> None:
    real = randn64(CHUNK + 40, 8)
    assert precision_recall(real, shuffled(real)) == (1, 1)
    assert density_coverage(real, shuffled(real)) == (1, 1)


def test_distant_and_collapsed_samples() -> None:
    real = randn64(50, 2)
    assert precision_recall(real, real + 100) == (0, 0)
    assert density_coverage(real, real + 100) == (0, 0)
    collapsed = precision_recall(real, real[:1].expand(50, -1))
    assert collapsed.precision == 1
    assert collapsed.recall == pytest.approx(1 / 50)


def test_swapping_the_sides_swaps_precision_and_recall() -> None:
    real, fake = randn64(60, 2), 2 * randn64(70, 2, seed=1)
    assert precision_recall(real, fake) == precision_recall(fake, real)[::-1]


def test_manifold_metrics_are_invariant_to_shift_scale_and_order() -> None:
    real, fake = randn64(80, 4), randn64(90, 4, seed=1) + 0.5
    moved = [shuffled(4 * x + 3) for x in (real, fake)]
    for measure in (precision_recall, density_coverage):
        assert measure(*moved) == pytest.approx(measure(real, fake))


def test_coverage_of_equal_distributions_is_lemma_2_of_the_paper() -> None:
    """1 - (n - 1) ... (n - k) / (n + m - 1) ... (n + m - k) for any distribution; density is 1."""
    n, m, k = 120, 90, 5
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    values = [
        density_coverage(randn64(n, 2, seed=i), randn64(m, 2, seed=i + 500), k) for i in range(200)
    ]
    density, coverage = torch.tensor(values).mean(0).tolist()
    assert coverage == pytest.approx(expected, abs=0.01)
    assert density == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
@pytest.mark.parametrize(("n", "k"), [(3, 3), (0, 3), (5, 0)])
def test_an_invalid_k_raises(
    measure: Callable[[Tensor, Tensor, int], tuple[float, float]], n: int, k: int
) -> None:
    with pytest.raises(ValueError, match=rf"k .*{n - 1}.*got {k}"):
        measure(randn64(n, 2), randn64(9, 2), k)


def test_density_without_fakes_raises() -> None:
    with pytest.raises(ValueError, match=r"images.*got 0"):
        density_coverage(randn64(9, 2), randn64(0, 2))
