"""Mode coverage and the Inception score."""

import math

import pytest
import torch

from zoo.metrics.modes import count_modes, stacked
from zoo.metrics.scores import inception_score


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


def test_the_inception_score_is_the_number_of_distinct_classes() -> None:
    logits = 1e3 * torch.eye(4).repeat(30, 1)
    assert inception_score(logits, parts=3) == pytest.approx(4)
    assert inception_score(logits[:1].expand(120, -1)) == pytest.approx(1)
    assert inception_score(torch.zeros(120, 4)) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"images.*10.*got 9"):
        inception_score(logits[:9])
