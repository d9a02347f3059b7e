"""The Frechet distance agrees with closed forms, SciPy and NumPy."""

import numpy as np
import pytest
import scipy.linalg
import torch
from tensors import randn
from torch import Tensor

from zoo.metrics.extractors import Pixels
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between, frechet_distance


def gaussian(seed: int, d: int = 64) -> tuple[Tensor, Tensor]:
    """Mean (d,) and well-conditioned covariance (d, d)."""
    factor = randn(d, 4 * d, seed=seed, dtype=torch.float64)
    return randn(d, seed=seed + 100, dtype=torch.float64), factor @ factor.T / (4 * d)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_distance_agrees_with_scipy(seed: int) -> None:
    (m, c), (n, d) = gaussian(seed), gaussian(seed + 10)
    root = scipy.linalg.sqrtm((c @ d).numpy()).real
    expected = (m - n).square().sum().item() + np.trace(c.numpy() + d.numpy() - 2 * root)
    assert frechet_distance(m, c, n, d).item() == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_diagonal_gaussians() -> None:
    (m, c), (n, d) = gaussian(0), gaussian(1)
    a, b = c.diag(), d.diag()
    expected = (m - n).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    torch.testing.assert_close(frechet_distance(m, a.diag(), n, b.diag()), expected)


def test_frechet_distance_is_symmetric_and_zero_for_equals() -> None:
    one, other = gaussian(0), gaussian(1)
    torch.testing.assert_close(frechet_distance(*one, *other), frechet_distance(*other, *one))
    assert abs(frechet_distance(*one, *one)) < 1e-9


def test_frechet_distance_of_infinite_features_raises() -> None:
    features = torch.ones(3, 2).double()
    with pytest.raises(ValueError, match="finite"):
        frechet_between(features, features / 0)


def test_frechet_distance_of_a_singular_covariance() -> None:
    mean, line = torch.zeros(3).double(), torch.diag(torch.tensor([4.0, 0.0, 0.0])).double()
    torch.testing.assert_close(
        frechet_distance(mean, line, mean, torch.eye(3).double()), torch.tensor(3.0).double()
    )


@pytest.mark.parametrize("which", range(4))
def test_frechet_distance_of_float32_raises(which: int) -> None:
    statistics = [*gaussian(0), *gaussian(1)]
    statistics[which] = statistics[which].float()
    with pytest.raises(TypeError, match="float64"):
        frechet_distance(*statistics)


def digits(n: int, low: int, seed: int) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    return torch.randint(low, 256, (n, 1, 8, 8), generator=own, dtype=torch.uint8)


def test_the_frechet_metric_agrees_with_numpy() -> None:
    real, fake = digits(300, 0, seed=0), digits(200, 60, seed=1)
    metric = FeatureMetric(Pixels(), frechet_between)
    for images, is_real in (real, True), (fake, False):
        for chunk in images.split(64):
            metric.update(chunk, real=is_real)
    features = [x.flatten(1).double().numpy() / 127.5 - 1 for x in (real, fake)]
    moments = [torch.from_numpy(s) for f in features for s in (f.mean(0), np.cov(f.T))]
    assert metric.compute().dtype == torch.float64
    torch.testing.assert_close(metric.compute(), frechet_distance(*moments), rtol=1e-5, atol=0)
    metric.reset()
    metric.update(fake, real=False)  # reset keeps the real features
    torch.testing.assert_close(metric.compute(), frechet_distance(*moments), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("real", "fake"), [(1, 1), (1, 5), (5, 1)])
def test_frechet_distance_of_one_image_raises(real: int, fake: int) -> None:
    metric = FeatureMetric(Pixels(), frechet_between)
    for n, is_real in (real, True), (fake, False):
        metric.update(digits(n, 0, seed=n), real=is_real)
    with pytest.raises(ValueError, match=r"images.*>= 2.*got 1"):
        metric.compute()


def test_extractors_of_float_images_raise() -> None:
    with pytest.raises(TypeError, match="uint8"):
        FeatureMetric(Pixels(), frechet_between).update(torch.zeros(2, 1, 8, 8), real=True)
