"""The extrapolated Frechet distance."""

import pytest
import torch
from tensors import randn64, shuffled

from zoo.metrics.extrapolation import frechet_infinity, intercept, subset_sizes
from zoo.metrics.frechet import frechet_between


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
    real, shift = randn64(20_000, 8), 0.3
    plain, infinite = [], []
    for seed in range(10):
        fake = randn64(400, 8, seed=seed + 1) + shift
        plain.append(frechet_between(real, fake).item())
        infinite.append(frechet_infinity(real, fake, seed).item())
    exact = 8 * shift**2
    bias, remaining = (abs(sum(v) / len(v) - exact) for v in (plain, infinite))
    assert remaining < bias / 2


def test_extrapolation_is_reproducible_and_shift_invariant() -> None:
    real, fake = randn64(300, 4), randn64(200, 4, seed=1)
    once = frechet_infinity(real, fake)
    assert once.dtype == torch.float64
    assert once == frechet_infinity(real, fake, seed=0) != frechet_infinity(real, fake, seed=1)
    torch.testing.assert_close(frechet_infinity(real + 2, fake + 2), once)
    torch.testing.assert_close(frechet_infinity(shuffled(real), fake), once)


def test_extrapolation_of_too_few_images_raises() -> None:
    with pytest.raises(ValueError, match=r"generated images.*30.*got 29"):
        frechet_infinity(randn64(50, 2), randn64(29, 2))
    with pytest.raises(ValueError, match=r"images.*>= 2.*got 1"):
        frechet_infinity(randn64(1, 2), randn64(50, 2))
    with pytest.raises(TypeError, match="float64"):
        frechet_infinity(randn64(50, 2).float(), randn64(50, 2).float())
