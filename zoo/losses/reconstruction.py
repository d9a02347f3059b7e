"""Reconstruction errors: sums over pixels and means over images, unless stated otherwise."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from zoo.layers.precision import at_least_float32


def squared_error(reconstruction: Tensor, x: Tensor) -> Tensor:
    """Squared error of pixels in [0, 1], summed over an image, a scalar.

    Both arguments are images (n, channels, size, size) in [-1, 1].
    """
    return squared_distance(reconstruction / 2, x / 2)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance of images or maps (n, ...), averaged over n, in float32 or better."""
    return (at_least_float32(a) - at_least_float32(b)).square().flatten(1).sum(1).mean()


def pixel_error(images: Tensor, target: Tensor) -> Tensor:
    """Mean squared error (n,) of a pixel in [0, 1], for each image.

    Both arguments are images (n, channels, size, size) in [-1, 1].
    """
    return (at_least_float32(images) - at_least_float32(target)).div(2).square().flatten(1).mean(1)


def binary_cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """Cross-entropy of logits and images x in [-1, 1], a scalar in nats per image.

    Both arguments are (n, channels, size, size). The brightness of a pixel in [0, 1] is treated as
    the probability of white.
    """
    logits, target = at_least_float32(logits), (at_least_float32(x) + 1) / 2
    return binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(x)
