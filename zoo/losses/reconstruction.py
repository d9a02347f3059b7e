"""How far an autoencoder's answer is from its image: the sum over pixels, the mean over images."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def squared_error(again: Tensor, x: Tensor) -> Tensor:
    """Of pixels in [0, 1], where both sides are (n, channels, size, size) in [-1, 1]."""
    return squared_distance(again / 2, x / 2)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """The sum over an image or map (n, ...), mean over the batch, in float32."""
    return (a.float() - b.float()).square().flatten(1).sum(1).mean()


def cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """In nats per image: the brightness in [0, 1] of a pixel of x, which is in [-1, 1], is taken as
    the probability of white. Logits are shaped as x is, (n, channels, size, size)."""
    white = (x + 1) / 2
    return binary_cross_entropy_with_logits(logits.float(), white, reduction="sum") / len(x)
