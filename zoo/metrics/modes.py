"""Which classes a generator draws, and how evenly, by a classifier of the data set.

The counts of modes and the divergence of Srivastava et al., 2017, https://arxiv.org/abs/1705.07761,
which PacGAN (Lin et al., 2018, https://arxiv.org/abs/1712.04086) and others report on
Stacked-MNIST.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import require_images


class Modes(NamedTuple):
    """Shares (classes,) in float64, classes with a sample or more and those that are all but
    missing, and nats."""

    histogram: Tensor
    captured: int
    missing: int
    entropy: float
    divergence: float


def stacked(digits: Tensor) -> Tensor:
    """The mode (n,) of each image of stacked digits (n, 3): the number that they write."""
    return (digits * torch.tensor([100, 10, 1], device=digits.device)).sum(1)


def count_modes(found: Tensor, classes: int, expected: Tensor | None = None) -> Modes:
    """The classes of samples (n,), as a classifier found them, of so many `classes`.

    A class is missing with less than a tenth of a uniform share. The divergence is KL(samples ||
    expected), `expected` being shares (classes,), uniform unless given; it is infinite where they
    are zero and samples are not. Raises ValueError for no samples, or for `expected` that are not
    shares of as many classes.
    """
    require_images("a histogram of classes", 1, found)
    if found.is_floating_point() or not 0 <= int(found.min()) <= int(found.max()) < classes:
        raise ValueError(
            f"classes must be whole numbers from 0 to {classes - 1}, got {found.dtype}"
            f" from {found.min():g} to {found.max():g}"
        )
    if expected is None:
        expected = torch.full((classes,), 1 / classes, dtype=torch.float64)
    total = expected.sum().item()
    if (
        expected.shape != (classes,)
        or expected.min() < 0
        or not math.isclose(total, 1, rel_tol=1e-4)
    ):
        raise ValueError(f"expected shares must be {classes}, none negative, that sum to one")
    histogram = found.bincount(minlength=classes).double().cpu() / len(found)
    missing = int((histogram < 0.1 / classes).sum())
    entropy = -histogram.xlogy(histogram).sum()
    divergence = -entropy - histogram.xlogy(expected.to(histogram)).sum()
    captured = int((histogram > 0).sum())
    return Modes(histogram, captured, missing, entropy.item(), divergence.item())
