"""Stabilization of GAN training."""

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from zoo.losses.stabilization import (
    add_instance_noise,
    feature_matching,
    unrolled,
)


def test_unrolled_critic_equals_the_critic_after_its_steps() -> None:
    torch.manual_seed(0)
    critic, real = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(8, 2)
    shift = torch.zeros((), requires_grad=True)

    def loss(c, fake):
        return softplus(-c(real)).mean() + softplus(c(fake)).mean()

    later = unrolled(critic, lambda c: loss(c, real + shift), steps=3, lr=0.1)
    trained = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    trained.load_state_dict(critic.state_dict())
    sgd = torch.optim.SGD(trained.parameters(), lr=0.1)
    for _ in range(3):
        sgd.zero_grad()
        loss(trained, real).backward()
        sgd.step()
    assert torch.allclose(later(real), trained(real), atol=1e-6)
    (grad,) = torch.autograd.grad(later(real).sum(), shift)
    assert grad != 0


def test_feature_matching_and_instance_noise() -> None:
    real, fake = torch.randn(50, 3), torch.randn(40, 3)
    assert feature_matching(real, fake).allclose((real.mean(0) - fake.mean(0)).square().sum())
    x = torch.zeros(100, 1, 8, 8)
    assert add_instance_noise(x, 0.3).std().item() == pytest.approx(0.3, abs=0.02)
