"""Prices on units that are on, for sigmoid codes (n, latent): the sum over units."""

from torch import Tensor

from zoo.layers.precision import at_least_float32


def l1(code: Tensor) -> Tensor:
    """How much of an image's code is on, the mean over images."""
    return code.abs().sum(1).mean()


def target_activity(code: Tensor, target: float) -> Tensor:
    """KL(target || activity) in nats, where a unit's activity is its mean over the batch.

    Ng, 2011, https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf, section 3.
    """
    on = at_least_float32(code).mean(0).clamp(1e-6, 1 - 1e-6)
    return (target * (target / on).log() + (1 - target) * ((1 - target) / (1 - on)).log()).sum()
