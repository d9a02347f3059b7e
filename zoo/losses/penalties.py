"""Prices on a critic's slope: each returns a scalar, to be weighted and added to its loss."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.layers.precision import at_least_float32

Critic = Callable[[Tensor], Tensor]  # images (n, c, h, w) to logits (n,)


def gradient(critic: Critic, x: Tensor) -> Tensor:
    """The critic's gradient at each image, flattened to (n, c * h * w), in float32 or better; only
    a critic whose weights are in half precision computes in it."""
    weights = critic.parameters() if isinstance(critic, nn.Module) else iter(())
    x = x.detach().to(next((w.dtype for w in weights), at_least_float32(x).dtype)).requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return at_least_float32(slope).flatten(1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Slope one between real and fake images (n, c, h, w).

    Gulrajani et al., 2017, algorithm 1, lines 4-7, https://arxiv.org/abs/1704.00028
    """
    epsilon = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    between = real.lerp(fake.to(real.dtype), epsilon)
    return (gradient(critic, between).norm(dim=1) - 1).square().mean()


def dragan_penalty(critic: Critic, real: Tensor) -> Tensor:
    """Slope one around the real images (n, c, h, w), at most half a standard deviation away.

    Kodali et al., 2017, algorithm 1, https://arxiv.org/abs/1705.07215
    """
    noise = real.std() / 2 * torch.rand_like(real)
    alpha = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    return (gradient(critic, real + alpha * noise).norm(dim=1) - 1).square().mean()


def r1(critic: Critic, real: Tensor) -> Tensor:
    """Slope zero at the real images (n, c, h, w), to be weighted by gamma.

    Mescheder et al., 2018, equation 9, https://arxiv.org/abs/1801.04406
    """
    return gradient(critic, real).square().sum(1).mean() / 2


def r2(critic: Critic, fake: Tensor) -> Tensor:
    """Slope zero at the generator's images (n, c, h, w). Mescheder et al., 2018, equation 10."""
    return r1(critic, fake)
