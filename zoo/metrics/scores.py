"""Scores that need no real images."""

from itertools import pairwise

from torch import Tensor
from torch.special import entr

from zoo.metrics.checks import NotEnough, require_features


def inception_score(logits: Tensor, parts: int = 10) -> float:
    """exp(E KL(p(y | x) || p(y))) of logits (n, classes), the mean over that many parts of n.

    Salimans et al., 2016, section 4, https://arxiv.org/abs/1606.03498. Raises ValueError for fewer
    images than parts, and for fewer parts than one.
    """
    require_features("an Inception score", logits)
    n = len(logits)
    if parts < 1:
        raise ValueError(f"parts must be >= 1, got {parts}")
    if n < parts:
        raise NotEnough(f"a score over {parts} parts needs as many images or more, not {n}")
    borders = [part * n // parts for part in range(parts + 1)]
    chances = logits.double().softmax(1)
    return sum(score(chances[a:b]) for a, b in pairwise(borders)) / parts


def score(chances: Tensor) -> float:
    """That of one part, from p(y | x) (n, classes): entropy of the mean, less the mean entropy."""
    told = entr(chances.mean(0)).sum() - entr(chances).sum(1).mean()
    return float(told.exp())
