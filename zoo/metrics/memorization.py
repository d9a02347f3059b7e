"""Are samples nearer to the training images than other real images are?

The comparison with held-out images is that of the data-copying test of Meehan, Chaudhuri &
Dasgupta, 2020, https://arxiv.org/abs/2004.05675, with medians in place of its rank statistic.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features, require_images
from zoo.metrics.manifold import CHUNK


class Memorization(NamedTuple):
    """About half of the samples of a generator that has learned and not memorised are nearer to a
    training image than the median held-out image is; the medians are distances."""

    share: float
    samples: float
    held_out: float


def nearest(features: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (n,) and index (n,) of each row's (n, d) nearest row in `among` (m, d), in float64.

    Searched by |a|^2 - 2 f . a, ten times faster than distances; that of the row found is then
    computed exactly, so that a copy is at zero. Raises ValueError for no rows to search.
    """
    require_images("a search for the nearest", 1, among)
    features, among = features.double(), among.double()
    require_features("a search for the nearest", features, among)
    origin = among.mean(0)  # near the origin, the products cancel less
    features, among = features - origin, among - origin
    squares, indices = among.square().sum(1), features.new_empty(len(features), dtype=torch.long)
    for rows, found in zip(features.split(CHUNK), indices.split(CHUNK), strict=True):
        torch.argmin(torch.addmm(squares, rows, among.T, alpha=-2), dim=1, out=found)
    return (features - among[indices]).norm(dim=1), indices


def memorization(fake: Tensor, train: Tensor, held_out: Tensor) -> Memorization:
    """The share of fakes (n, d) nearer to their nearest training row (m, d) than the median
    held-out row (k, d) is to its own, and the median distance of each.

    Raises ValueError where any of them is empty.
    """
    for name, features in (("generated", fake), ("training", train), ("held-out", held_out)):
        if not len(features):
            raise NotEnough(f"memorisation needs one {name} image or more")
    samples, others = nearest(fake, train)[0], nearest(held_out, train)[0]
    median = others.quantile(0.5)
    share = (samples < median).double().mean()
    return Memorization(share.item(), samples.quantile(0.5).item(), median.item())
