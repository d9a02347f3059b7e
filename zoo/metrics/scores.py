"""Scores of generated images without real images."""

from itertools import pairwise

from torch import Tensor
from torch.special import entr

from zoo.metrics.checks import NotEnough, require_features


def inception_score(logits: Tensor, parts: int = 10) -> float:
    """Inception score exp(E KL(p(y | x) || p(y))) of logits (n, classes), in [1, classes].

    The score is the mean over `parts` consecutive parts of the images. Salimans et al., 2016,
    section 4, https://arxiv.org/abs/1606.03498. Raises ValueError for parts < 1, NotEnough for
    n < parts, and BadFeatures or NotFinite for invalid logits.
    """
    require_features("an Inception score", logits)
    n = len(logits)
    if parts < 1:
        raise ValueError(f"parts must be >= 1, got {parts}")
    if n < parts:
        raise NotEnough(
            f"number of images must be >= {parts}, the number of parts, got {n}. Use more images"
        )
    bounds = [part * n // parts for part in range(parts + 1)]
    probabilities = logits.double().softmax(1)
    return sum(score_of_part(probabilities[a:b]) for a, b in pairwise(bounds)) / parts


def score_of_part(probabilities: Tensor) -> float:
    """Inception score of one part, from p(y | x) (n, classes)."""
    # E KL(p(y | x) || p(y)) = H(E p(y | x)) - E H(p(y | x))
    information = entr(probabilities.mean(0)).sum() - entr(probabilities).sum(1).mean()
    return float(information.exp())
