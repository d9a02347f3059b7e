"""How far an autoencoder's answer is from its image: the sum over pixels and the mean over images,
unless said otherwise."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from zoo.layers.precision import at_least_float32


def squared_error(again: Tensor, x: Tensor) -> Tensor:
    """Of pixels in [0, 1], where both sides are (n, channels, size, size) in [-1, 1]."""
    return squared_distance(again / 2, x / 2)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """The sum over an image or map (n, ...), mean over the batch, in float32 or better."""
    return (at_least_float32(a) - at_least_float32(b)).square().flatten(1).sum(1).mean()


def pixel_error(images: Tensor, true: Tensor) -> Tensor:
    """The mean squared error of a pixel in [0, 1], for each image: (n,), where both sides are
    (n, channels, size, size) in [-1, 1]."""
    return (at_least_float32(images) - at_least_float32(true)).div(2).square().flatten(1).mean(1)


def binary_cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """In nats per image: the brightness in [0, 1] of a pixel of x, which is in [-1, 1], is taken as
    the probability of white. Logits are shaped as x is, (n, channels, size, size)."""
    logits, white = at_least_float32(logits), (at_least_float32(x) + 1) / 2
    return binary_cross_entropy_with_logits(logits, white, reduction="sum") / len(x)
