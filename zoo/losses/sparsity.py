"""Sparsity penalties on sigmoid codes (n, latent): sums over units."""

from torch import Tensor

from zoo.layers.precision import at_least_float32


def l1(code: Tensor) -> Tensor:
    """L1 norm of the codes (n, latent), the mean over images, a scalar."""
    return code.abs().sum(1).mean()


def target_activity(code: Tensor, target: float) -> Tensor:
    """KL(target || activity) in nats, summed over the units of codes (n, latent), a scalar.

    The activity of a unit is its mean over the batch. Ng, 2011, section 3,
    https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf
    """
    p = at_least_float32(code).mean(0).clamp(1e-6, 1 - 1e-6)
    return (target * (target / p).log() + (1 - target) * ((1 - target) / (1 - p)).log()).sum()
