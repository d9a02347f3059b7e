"""Mode coverage: the classes of samples, as predicted by a classifier of the data set.

Number of modes and divergence of Srivastava et al., 2017, https://arxiv.org/abs/1705.07761, which
PacGAN (Lin et al., 2018, https://arxiv.org/abs/1712.04086) and others report for Stacked-MNIST.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import require_images


class Modes(NamedTuple):
    """Mode coverage of samples."""

    histogram: Tensor  # fraction of the samples in each class (classes,), float64
    captured: int  # classes with at least one sample
    missing: int  # classes with less than a tenth of a uniform fraction
    entropy: float  # of the histogram, in nats
    divergence: float  # from the expected histogram, in nats


def stacked(digits: Tensor) -> Tensor:
    """Mode (n,) from 0 to 999 of each image of stacked digits (n, 3)."""
    return (digits * torch.tensor([100, 10, 1], device=digits.device)).sum(1)


def count_modes(labels: Tensor, classes: int, expected: Tensor | None = None) -> Modes:
    """Mode coverage of samples with predicted labels (n,) from 0 to `classes` - 1.

    The divergence is KL(samples || expected), where `expected` is a histogram (classes,), uniform
    unless given. It is infinite if samples have a class whose expected fraction is zero. Raises
    NotEnough for n < 1, and ValueError for invalid labels or an `expected` that is not a histogram.
    """
    require_images("a histogram of classes", 1, labels)
    if labels.is_floating_point() or not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"labels must be whole numbers from 0 to {classes - 1}, got {labels.dtype} from "
            f"{labels.min():g} to {labels.max():g}"
        )
    if expected is None:
        expected = torch.full((classes,), 1 / classes, dtype=torch.float64)
    total = expected.sum().item()
    sums_to_one = math.isclose(total, 1, rel_tol=1e-4)
    if expected.shape != (classes,) or expected.min() < 0 or not sums_to_one:
        raise ValueError(
            f"expected must be {classes} fractions >= 0 with a sum of 1, got shape "
            f"{tuple(expected.shape)} with a sum of {total:g}"
        )
    histogram = labels.bincount(minlength=classes).double().cpu() / len(labels)
    missing = int((histogram < 0.1 / classes).sum())
    entropy = -histogram.xlogy(histogram).sum()
    divergence = -entropy - histogram.xlogy(expected.to(histogram)).sum()
    captured = int((histogram > 0).sum())
    return Modes(histogram, captured, missing, entropy.item(), divergence.item())
