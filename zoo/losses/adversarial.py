"""What each player minimises, given the discriminator's logits on real and on fake images."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import softplus


class AdversarialLoss(NamedTuple):
    """Two scalars to descend; both average over the batch."""

    discriminator: Callable[[Tensor, Tensor], Tensor]  # (real logits, fake logits) -> scalar
    generator: Callable[[Tensor], Tensor]  # fake logits -> scalar


# Goodfellow et al., 2014, section 3. With D = sigmoid(logit), softplus(-logit) is -log D.
non_saturating = AdversarialLoss(
    discriminator=lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
    generator=lambda fake: softplus(-fake).mean(),
)

# Arjovsky et al., 2017, algorithm 1.
wasserstein = AdversarialLoss(
    discriminator=lambda real, fake: fake.mean() - real.mean(),
    generator=lambda fake: -fake.mean(),
)
