"""Memorization: distances of samples to the training images, compared with held-out images.

The comparison is that of the data-copying test of Meehan, Chaudhuri & Dasgupta, 2020,
https://arxiv.org/abs/2004.05675, with medians instead of its rank statistic.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features, require_images
from zoo.metrics.manifold import CHUNK


class Memorization(NamedTuple):
    """Fraction of samples nearer to a training image than the median held-out image is.

    About 1/2 is expected without memorization.
    """

    share: float  # in [0, 1]
    samples: float  # median distance of the samples to the training images
    held_out: float  # median distance of the held-out images to the training images


def nearest(features: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (n,) and index (n,) of the row of `among` (m, d) nearest to each row (n, d).

    The distances are float64. The search minimizes |a|^2 - 2 f . a, which is ten times faster than
    distances. The distance of the nearest row is then computed exactly, so that copies are at zero.
    Raises NotEnough for m < 1, and BadFeatures or NotFinite for invalid features.
    """
    require_images("nearest neighbors", 1, among)
    features, among = features.double(), among.double()
    require_features("nearest neighbors", features, among)
    origin = among.mean(0)  # centered, the products lose less accuracy by cancellation
    features, among = features - origin, among - origin
    squares, indices = among.square().sum(1), features.new_empty(len(features), dtype=torch.long)
    for rows, part in zip(features.split(CHUNK), indices.split(CHUNK), strict=True):
        torch.argmin(torch.addmm(squares, rows, among.T, alpha=-2), dim=1, out=part)
    return (features - among[indices]).norm(dim=1), indices


def memorization(fake: Tensor, train: Tensor, held_out: Tensor) -> Memorization:
    """Memorization of fakes (n, d), from training features (m, d) and held-out features (k, d).

    Raises NotEnough if one of the three is empty, and BadFeatures or NotFinite for invalid ones.
    """
    for name, features in (("generated", fake), ("training", train), ("held-out", held_out)):
        if not len(features):
            raise NotEnough(
                f"number of {name} images must be >= 1 for memorization, got 0. Use more images"
            )
    from_samples, from_held_out = nearest(fake, train)[0], nearest(held_out, train)[0]
    median = from_held_out.quantile(0.5)
    share = (from_samples < median).double().mean()
    return Memorization(share.item(), from_samples.quantile(0.5).item(), median.item())
