"""Metrics of values that are not finite."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zoo.errors import ZooError
from zoo.metrics import bounds, codes, kernel, manifold, memorization, rates, scores, support
from zoo.metrics.extractors import Pixels
from zoo.metrics.extrapolation import frechet_infinity
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between
from zoo.vaes.vae import VAE

GOOD = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()


LABELS = torch.arange(40) % 2


METRICS: dict[str, Callable[[Tensor], object]] = {
    "frechet real": lambda x: frechet_between(x, GOOD),
    "frechet fake": lambda x: frechet_between(GOOD, x),
    "frechet infinity": lambda x: frechet_infinity(GOOD, x),
    "kernel": lambda x: kernel.kernel_distance(GOOD, x),
    "precision": lambda x: manifold.precision_recall(GOOD, x),
    "recall": lambda x: manifold.precision_recall(x, GOOD),
    "density": lambda x: manifold.density_coverage(GOOD, x),
    "coverage": lambda x: manifold.density_coverage(x, GOOD),
    "memorized": lambda x: memorization.memorization(x, GOOD, GOOD),
    "train": lambda x: memorization.memorization(GOOD, x, GOOD),
    "held out": lambda x: memorization.memorization(GOOD, GOOD, x),
    "support": lambda x: support.support_size(x, 0.5),
    "pairs": lambda x: support.nearest_pairs(x, 3),
    "inception": lambda x: scores.inception_score(x, 4),
    "probe": lambda x: codes.linear_probe(x, LABELS, GOOD, LABELS),
    "probe test": lambda x: codes.linear_probe(GOOD, LABELS, x, LABELS),
    "neighbors": lambda x: codes.nearest_neighbors(x, LABELS, GOOD, LABELS),
    "auroc": lambda x: codes.anomaly_auroc(x[:, 1], LABELS, 1),
    "units": bounds.active_units,
    "divergence": lambda x: bounds.divergence_per_dimension(x, GOOD.exp()),
    "perplexity": lambda x: bounds.perplexity(x[:, 1].abs()),
    "evidence": bounds.importance_weighted,
    "bits": lambda x: bounds.bits_per_dimension(x, 3),
    "steps": lambda x: rates.quantize(x, 3),
    "psnr": lambda x: rates.psnr(x[:, :, None, None], GOOD[:, :, None, None]),
}


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_values_that_are_not_finite_raise(metric: str, value: float) -> None:
    bad = GOOD.clone()
    bad[5, 1] = value
    for kind in (ValueError, ZooError):
        with pytest.raises(kind, match="finite"):
            METRICS[metric](bad)
    METRICS[metric](GOOD)


def test_calling_a_metric_counts_images_once() -> None:
    real, fake = torch.randint(256, (2, 20, 1, 4, 4), dtype=torch.uint8)
    metric = FeatureMetric(Pixels(), frechet_between)
    with pytest.raises(ValueError, match=r"real images.*got 0"):
        metric.compute()
    assert metric(real, real=True) is None
    for part in fake.split(10):
        value = metric(part, real=False)
    whole = frechet_between(Pixels()(real), Pixels()(fake))
    assert value == whole == metric.compute()
    metric.reset()
    assert [sum(map(len, side)) for side in (metric.real, metric.fake)] == [20, 0]


def test_a_density_sharper_than_a_gray_level_has_no_bits() -> None:
    model, z = VAE(size=8, channels=1, latent=2, width=4, noise=1e-4).eval(), torch.zeros(1, 2)
    with torch.no_grad():
        nats = model.log_likelihood(model.decode(z), z)
    assert bounds.bits_per_dimension(nats, 64).isnan().all()
    even = torch.tensor(-math.log(2))
    assert float(bounds.bits_per_dimension(64 * even, 64)) == pytest.approx(math.log2(255))
