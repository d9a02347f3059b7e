"""Remedies against instability that a step adds to its loss or to what it compares."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from zoo.losses.adversarial import AdversarialLoss, non_saturating


def smooth_one_sided(real: float = 0.9) -> AdversarialLoss:
    """The non-saturating loss with `real` instead of one as the real images' label.

    Salimans et al., 2016, section 3.4, https://arxiv.org/abs/1606.03498
    """
    return AdversarialLoss(
        discriminator=lambda r, f: (
            real * softplus(-r).mean() + (1 - real) * softplus(r).mean() + softplus(f).mean()
        ),
        generator=non_saturating.generator,
    )


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Squared distance of the mean features (n, d) of the two kinds of images, a scalar.

    Salimans et al., 2016, section 3.1.
    """
    return (real.flatten(1).mean(0) - fake.flatten(1).mean(0)).square().sum()


def add_instance_noise(x: Tensor, std: float) -> Tensor:
    """Instance noise: images (n, c, h, w) that no discriminator tells apart with certainty.

    Sonderby et al., 2017, https://arxiv.org/abs/1610.04490
    """
    return x + std * torch.randn_like(x)


def unrolled(
    critic: nn.Module, loss: Callable[[Callable[[Tensor], Tensor]], Tensor], steps: int, lr: float
) -> Callable[[Tensor], Tensor]:
    """The critic as it will be after so many steps of gradient descent on `loss`, a function of
    the critic; gradients reach what the loss depends on through all of them.

    Metz et al., 2017, equations 7-9, https://arxiv.org/abs/1611.02163
    """
    weights: Mapping[str, Tensor] = dict(critic.named_parameters())
    weights = {name: w.detach().requires_grad_() for name, w in weights.items()}

    def at(weights: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: functional_call(critic, dict(weights), (x,))

    for _ in range(steps):
        slopes = torch.autograd.grad(loss(at(weights)), list(weights.values()), create_graph=True)
        weights = {
            name: w - lr * slope for (name, w), slope in zip(weights.items(), slopes, strict=True)
        }
    return at(weights)
