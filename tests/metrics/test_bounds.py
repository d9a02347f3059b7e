"""Likelihood bounds, bits, active units and perplexity."""

import math

import pytest
import torch
from tensors import randn64
from torch.distributions import Normal, kl_divergence

from zoo.metrics.bounds import (
    active_units,
    bits_per_dimension,
    divergence_per_dimension,
    importance_weighted,
    perplexity,
)


def test_one_weight_is_the_evidence_lower_bound() -> None:
    weights = randn64(1, 50)
    torch.testing.assert_close(importance_weighted(weights), weights.mean())


def test_the_bound_of_equal_and_of_different_weights() -> None:
    weights = randn64(1, 50)
    torch.testing.assert_close(importance_weighted(weights.expand(20, -1)), weights.mean())
    weights = randn64(20, 50)
    assert weights.mean() < importance_weighted(weights) < weights.max()
    torch.testing.assert_close(importance_weighted(weights), weights.exp().mean(0).log().mean())
    torch.testing.assert_close(
        importance_weighted(weights - 2000), importance_weighted(weights) - 2000
    )


def test_importance_weighting_converges_to_the_evidence() -> None:
    """x = z + noise, both N(0, 1): log p(x) is that of N(0, 2), and q is the prior."""
    x, prior = randn64(1, 200), Normal(torch.zeros(()).double(), 1)
    weights = Normal(randn64(5000, 200, seed=1), 1).log_prob(x)  # the prior cancels
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
    means = randn64(2000, 4) * torch.tensor([1.0, 0.2, 0.05, 0.0]) + 7
    assert active_units(means) == 0.5
    with pytest.raises(ValueError, match=r"images.*>= 2.*got 1"):
        active_units(means[:1])


def test_divergence_of_each_latent() -> None:
    mean, std = randn64(30, 5), randn64(30, 5, seed=1).exp()
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
