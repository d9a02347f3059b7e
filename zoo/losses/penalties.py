"""Penalties on the gradient of a critic: scalars to weight and add to the critic's loss."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from zoo.layers.precision import at_least_float32

Critic = Callable[[Tensor], Tensor]  # images (n, c, h, w) to logits (n,)


def gradient(critic: Critic, x: Tensor) -> Tensor:
    """Gradient (n, c * h * w) of the critic at each image of x (n, c, h, w), in float32 or better.

    The critic runs without autocast, in the precision of its weights.
    """
    x = x.detach().to(dtype_of(critic, x)).requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        # the sum separates: no logit depends on another image, unless the critic has batch norm
        (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return at_least_float32(grad).flatten(1)


def dtype_of(network: Critic, x: Tensor) -> torch.dtype:
    """The number format of the weights of a network, also of one with labels fixed by `partial`;
    without weights, that of x or float32."""
    network = network.func if isinstance(network, partial) else network
    weights = network.parameters() if isinstance(network, nn.Module) else iter(())
    return next((w.dtype for w in weights), at_least_float32(x).dtype)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Penalize gradient norms other than one between real and fake examples (n, ...).

    Gulrajani et al., 2017, algorithm 1, lines 4-7, https://arxiv.org/abs/1704.00028
    """
    each = len(real), *[1] * (real.ndim - 1)  # one number for each example
    epsilon = torch.rand(each, device=real.device, dtype=real.dtype)
    interpolated = real.lerp(fake.to(real.dtype), epsilon)
    return (gradient(critic, interpolated).norm(dim=1) - 1).square().mean()


def dragan_penalty(critic: Critic, real: Tensor) -> Tensor:
    """Penalize gradient norms other than one around real images (n, c, h, w).

    The perturbation is uniform noise of at most half a standard deviation of the pixels.

    Kodali et al., 2017, algorithm 1, https://arxiv.org/abs/1705.07215
    """
    noise = real.std() / 2 * torch.rand_like(real)
    alpha = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    return (gradient(critic, real + alpha * noise).norm(dim=1) - 1).square().mean()


def r1(critic: Critic, real: Tensor) -> Tensor:
    """Penalize squared gradient norms at real images (n, c, h, w): the R1 penalty for gamma = 1.

    Mescheder et al., 2018, equation 9, https://arxiv.org/abs/1801.04406
    """
    return gradient(critic, real).square().sum(1).mean() / 2


def r2(critic: Critic, fake: Tensor) -> Tensor:
    """Penalize squared gradient norms at fake images (n, c, h, w): the R2 penalty for gamma = 1.

    Mescheder et al., 2018, equation 10.
    """
    return r1(critic, fake)


def path_lengths(synthesis: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
    """Norms |J^T y| (n,) of the gradients of images with respect to their styles w (n, layers, d),
    in directions y ~ N(0, I) of the images, divided by the root of the number of pixels.

    The norms are root mean squares over the layers. Karras et al., 2020, section 3.2,
    https://arxiv.org/abs/1912.04958
    """
    with torch.autocast(w.device.type, enabled=False):
        images = synthesis(w.to(dtype_of(synthesis, w)))
        y = torch.randn_like(images) / (images.shape[2] * images.shape[3]) ** 0.5
        (grad,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
    return at_least_float32(grad).square().sum(2).mean(1).sqrt()
