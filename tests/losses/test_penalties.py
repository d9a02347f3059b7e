"""Gradient penalties agree with closed forms."""

import pytest
import torch
from tensors import randn
from torch import Tensor, nn

from zoo.losses.penalties import gradient, gradient_penalty


class Linear(nn.Module):
    """Critic w . x, whose gradient is w at every image."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.body = nn.Linear(channels * size * size, 1)
        self.dtypes: list[torch.dtype] = []

    def forward(self, x: Tensor) -> Tensor:
        scores = self.body(x.flatten(1))
        self.dtypes.append(scores.dtype)
        return scores.flatten()


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("n", "channels", "size"), [(1, 1, 4), (5, 1, 8), (3, 3, 16)])
def test_the_gradient_penalty_of_a_linear_critic(
    n: int, channels: int, size: int, autocast: bool
) -> None:
    critic = Linear(channels, size)
    real, fake = randn(n, channels, size, size), randn(n, channels, size, size, seed=1)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        penalty = gradient_penalty(critic, real, fake.bfloat16() if autocast else fake)
        assert critic(real).dtype == (torch.bfloat16 if autocast else torch.float32)
    assert penalty.dtype == critic.dtypes[0] == torch.float32
    torch.testing.assert_close(penalty, (critic.body.weight.norm() - 1).square())


def test_the_gradient_penalty_is_differentiable_in_the_weights_only() -> None:
    critic, real = Linear(1, 4), randn(2, 1, 4, 4).requires_grad_()
    gradient_penalty(critic, real, randn(2, 1, 4, 4, seed=1)).backward()
    weight = critic.body.weight
    expected = 2 * (weight.norm() - 1) * weight / weight.norm()
    torch.testing.assert_close(weight.grad, expected.detach())
    assert real.grad is None


def test_the_gradient_of_a_square_is_twice_the_image() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum((1, 2, 3))

    x = randn(4, 3, 8, 8)
    torch.testing.assert_close(gradient(Square(), x), 2 * x.flatten(1))
