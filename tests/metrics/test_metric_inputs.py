"""Invalid inputs of metrics: features, counts and numbers."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zoo.errors import BadInput, ZooError
from zoo.metrics import (
    bounds,
    codes,
    extrapolation,
    frechet,
    kernel,
    manifold,
    memorization,
    modes,
    rates,
    scores,
    support,
)

GOOD = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
LABELS = torch.arange(40) % 4
PAIRED: dict[str, Callable[[Tensor, Tensor], object]] = {
    "frechet": frechet.frechet_between,
    "infinity": extrapolation.frechet_infinity,
    "kernel": kernel.kernel_distance,
    "precision": manifold.precision_recall,
    "density": manifold.density_coverage,
    "memorization": lambda a, b: memorization.memorization(a, b, GOOD),
    "held-out": lambda a, b: memorization.memorization(GOOD, a, b),
    "probe": lambda a, b: codes.linear_probe(a, LABELS, b, LABELS),
    "neighbors": lambda a, b: codes.nearest_neighbors(a, LABELS, b, LABELS),
}
ALONE: dict[str, Callable[[Tensor], object]] = {
    "support": lambda a: support.support_size(a, 0.5),
    "pairs": lambda a: support.nearest_pairs(a, 3),
    "inception": lambda a: scores.inception_score(a, 4),
}


def invalid() -> dict[str, Tensor]:
    """Features that are invalid in different ways."""
    nan, infinite = GOOD.clone(), GOOD.clone()
    nan[5, 1], infinite[7, 0] = math.nan, -math.inf
    return {"nan": nan, "infinite": infinite, "flat": GOOD[:, 0], "deep": GOOD[None]} | {
        "huge": GOOD * 1e200
    }


@pytest.mark.parametrize("what", invalid())
@pytest.mark.parametrize("metric", PAIRED)
def test_invalid_features_raise(metric: str, what: str) -> None:
    bad = invalid()[what]
    for sides in ((bad, GOOD), (GOOD, bad)):
        with pytest.raises(ZooError) as raised:
            PAIRED[metric](*sides)
        assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("metric", PAIRED)
def test_features_of_different_widths_raise(metric: str) -> None:
    with pytest.raises(ZooError, match=r"width [34] and .*width [34]"):
        PAIRED[metric](GOOD, torch.zeros(40, 4).double())


@pytest.mark.parametrize("what", [*invalid(), "whole"])
@pytest.mark.parametrize("metric", ALONE)
def test_invalid_features_of_one_side_raise(metric: str, what: str) -> None:
    with pytest.raises(ZooError):
        ALONE[metric]((invalid() | {"whole": LABELS[:, None]})[what])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores.inception_score(GOOD, 0), "parts"),
        (lambda: scores.inception_score(GOOD, -1), "parts"),
        (lambda: bounds.bits_per_dimension(GOOD, 0), "dimensions"),
        (lambda: bounds.bits_per_dimension(GOOD, 64, 1), "levels"),
        (lambda: bounds.perplexity(torch.tensor([-1.0, 3])), "counts.*-1"),
        (lambda: bounds.importance_weighted(GOOD[:0]), "k .*got 0"),
        (lambda: bounds.importance_weighted(GOOD[:, :0]), "image"),
        (lambda: bounds.divergence_per_dimension(GOOD[:0], GOOD[:0]), "image"),
        (lambda: codes.nearest_neighbors(GOOD, LABELS, GOOD, LABELS, k=0), "k .*got 0"),
        (lambda: codes.clustering_accuracy(LABELS[:0], LABELS[:0]), "image"),
        (lambda: codes.clustering_accuracy(LABELS / 0, LABELS), "finite"),
        (lambda: modes.count_modes(LABELS, 3), "from 0 to 2"),
        (lambda: modes.count_modes(-LABELS, 4), "from 0 to 3"),
        (lambda: modes.count_modes(LABELS.double(), 4), "whole"),
        (lambda: rates.quantize(GOOD[:0], 2), "image"),
        (lambda: rates.entropy(LABELS[:0, None]), "image"),
    ],
)
def test_invalid_arguments_of_metrics_raise(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_psnr_of_different_shapes_raises() -> None:
    x = torch.zeros(2, 1, 4, 4)
    with pytest.raises(BadInput, match=r"images.*\(2, 3, 4, 4\)"):
        rates.psnr(x, x.expand(-1, 3, -1, -1))
