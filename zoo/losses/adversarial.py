"""Losses of generator and discriminator, functions of the logits of real and of fake images."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus


class AdversarialLoss(NamedTuple):
    """Losses of both players, scalars that average over the batch."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real logits, fake logits) -> scalar
    generator: Callable[[Tensor], Tensor]  # fake logits -> scalar


class RelativisticLoss(NamedTuple):
    """Losses of both players, where the generator's depends on the real images too."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real logits, fake logits) -> scalar
    generator: Callable[[Tensor, Tensor], Tensor]  # (real logits, fake logits) -> scalar


# Goodfellow et al., 2014, equation 1. With D = sigmoid(logit), softplus(-logit) is -log D.
minimax = AdversarialLoss(
    discriminator=lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    generator=lambda fake: -softplus(fake).mean(),
)

# Goodfellow et al., 2014, section 3.
non_saturating = AdversarialLoss(
    discriminator=minimax.discriminator,
    generator=lambda fake: softplus(-fake).mean(),
)

# Mao et al., 2016, equation 9.
least_squares = AdversarialLoss(
    discriminator=lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2,
    generator=lambda fake: (fake - 1).square().mean() / 2,
)

# Lim & Ye, 2017, section 3.2.
hinge = AdversarialLoss(
    discriminator=lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
    generator=lambda fake: -fake.mean(),
)

# Arjovsky et al., 2017, algorithm 1.
wasserstein = AdversarialLoss(
    discriminator=lambda real, fake: fake.mean() - real.mean(),
    generator=lambda fake: -fake.mean(),
)


def relativistic_logistic(logits: Tensor, others: Tensor) -> Tensor:
    """Negative log-probability, a scalar, that images are more real than the average of others.

    Both arguments are logits (n,).
    """
    return softplus(others.mean() - logits).mean()


# Jolicoeur-Martineau, 2018, equations 10 and 11: the average RaSGAN.
relativistic = RelativisticLoss(
    discriminator=lambda real, fake: (
        relativistic_logistic(real, fake) + softplus(fake - real.mean()).mean()
    ),
    generator=lambda real, fake: (
        relativistic_logistic(fake, real) + softplus(real - fake.mean()).mean()
    ),
)
