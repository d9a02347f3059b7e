"""Stabilization of GAN training: changes to losses and to the discriminator's inputs."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from zoo.losses.adversarial import AdversarialLoss, non_saturating


def smooth_one_sided(real: float = 0.9) -> AdversarialLoss:
    """Non-saturating loss with one-sided label smoothing: real images have the label `real`.

    Salimans et al., 2016, section 3.4, https://arxiv.org/abs/1606.03498
    """
    return AdversarialLoss(
        discriminator=lambda r, f: (
            real * softplus(-r).mean() + (1 - real) * softplus(r).mean() + softplus(f).mean()
        ),
        generator=non_saturating.generator,
    )


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Squared distance of the mean features (n, d) of real and fake images, a scalar.

    Salimans et al., 2016, section 3.1.
    """
    return (real.flatten(1).mean(0) - fake.flatten(1).mean(0)).square().sum()


def add_instance_noise(x: Tensor, std: float) -> Tensor:
    """Add normal noise with standard deviation `std` to images (n, c, h, w), real and fake.

    The distributions of real and fake images then overlap.

    Sonderby et al., 2017, https://arxiv.org/abs/1610.04490
    """
    return x + std * torch.randn_like(x)


def unrolled(
    critic: nn.Module, loss: Callable[[Callable[[Tensor], Tensor]], Tensor], steps: int, lr: float
) -> Callable[[Tensor], Tensor]:
    """Critic after `steps` steps of gradient descent with rate `lr` on `loss`.

    `loss` is a function of the critic. Gradients propagate through all steps to the inputs of the
    loss, such as fake images.

    Metz et al., 2017, equations 7-9, https://arxiv.org/abs/1611.02163
    """
    weights: Mapping[str, Tensor] = dict(critic.named_parameters())
    weights = {name: w.detach().requires_grad_() for name, w in weights.items()}

    def with_weights(weights: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: functional_call(critic, dict(weights), (x,))

    for _ in range(steps):
        grads = torch.autograd.grad(
            loss(with_weights(weights)), list(weights.values()), create_graph=True
        )
        weights = {
            name: w - lr * grad for (name, w), grad in zip(weights.items(), grads, strict=True)
        }
    return with_weights(weights)
