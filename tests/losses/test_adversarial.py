"""Adversarial losses and gradient penalties agree with their formulas."""

import torch
from tensors import randn
from torch import nn

from zoo.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    wasserstein,
)
from zoo.losses.penalties import dragan_penalty, r1, r2
from zoo.losses.stabilization import (
    smooth_one_sided,
)


def test_losses_equal_the_formulas_of_their_papers() -> None:
    real, fake = torch.randn(2, 64, dtype=torch.float64)
    p, q = real.sigmoid(), fake.sigmoid()
    log = torch.log
    assert minimax.generator(fake).allclose(log(1 - q).mean())
    assert non_saturating.generator(fake).allclose(-log(q).mean())
    assert minimax.discriminator(real, fake).allclose(-(log(p).mean() + log(1 - q).mean()))
    squares = ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2
    assert least_squares.discriminator(real, fake).allclose(squares)
    margins = -torch.minimum(real - 1, torch.zeros(())).mean()
    margins -= torch.minimum(-fake - 1, torch.zeros(())).mean()
    assert hinge.discriminator(real, fake).allclose(margins)
    of_real, of_fake = (real - fake.mean()).sigmoid(), (fake - real.mean()).sigmoid()
    expected = -(log(of_real).mean() + log(1 - of_fake).mean())
    assert relativistic.discriminator(real, fake).allclose(expected)
    expected = -(log(of_fake).mean() + log(1 - of_real).mean())
    assert relativistic.generator(real, fake).allclose(expected)
    expected = -(0.9 * log(p) + 0.1 * log(1 - p)).mean() - log(1 - q).mean()
    assert smooth_one_sided(0.9).discriminator(real, fake).allclose(expected)


def test_penalties_of_a_linear_critic() -> None:
    """The gradient of a linear critic is its weight at every image."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    square, x = critic[1].weight.square().sum(), torch.randn(5, 3, 2, 2)
    assert r1(critic, x).allclose(square / 2)
    assert r2(critic, x).allclose(square / 2)
    assert dragan_penalty(critic, x).allclose((square.sqrt() - 1).square())


def test_non_saturating_is_the_log_of_a_sigmoid() -> None:
    real, fake = randn(64, dtype=torch.float64), randn(64, seed=1, dtype=torch.float64)
    log_real, log_fake = real.sigmoid().log(), (1 - fake.sigmoid()).log()
    expected = -log_real.mean() - log_fake.mean()
    torch.testing.assert_close(non_saturating.discriminator(real, fake), expected)
    torch.testing.assert_close(non_saturating.generator(fake), -fake.sigmoid().log().mean())


def test_non_saturating_is_finite_for_large_logits() -> None:
    logits = torch.tensor([200.0, -200.0])
    assert non_saturating.discriminator(logits, -logits) == 200
    assert non_saturating.generator(logits) == 100


def test_wasserstein_is_a_difference_of_means() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0, 4.0])
    assert wasserstein.discriminator(real, fake) == -1
    assert wasserstein.generator(fake) == -1
