"""Scores that need no real images."""

from itertools import pairwise

from torch import Tensor


def inception_score(logits: Tensor, parts: int = 10) -> float:
    """exp(E KL(p(y | x) || p(y))) of logits (n, classes), the mean over that many parts of n.

    Salimans et al., 2016, section 4, https://arxiv.org/abs/1606.03498. Raises ValueError for fewer
    images than parts.
    """
    n = len(logits)
    if n < parts:
        raise ValueError(f"a score over {parts} parts needs as many images or more, not {n}")
    borders = [part * n // parts for part in range(parts + 1)]
    told = logits.double().log_softmax(1)
    scores = [score(told[a:b]) for a, b in pairwise(borders)]
    return sum(scores) / parts


def score(told: Tensor) -> float:
    """That of one part, from log-probabilities (n, classes)."""
    divergence = told.exp() * (told - told.exp().mean(0).log())
    return float(divergence.sum(1).mean().exp())
