"""The kernel distance agrees with brute force."""

import subprocess
import sys
from itertools import combinations, product

import pytest
import torch
from tensors import SIZES, randn64, shuffled
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from zoo.metrics.kernel import kernel_distance


@pytest.mark.parametrize("n", SIZES)
def test_the_kernel_distance_equals_torchmetrics(n: int) -> None:
    real, fake = randn64(n, 5), 0.8 * randn64(n, 5, seed=1) + 0.3
    expected = poly_mmd(real, fake)
    torch.testing.assert_close(kernel_distance(real, fake), expected, rtol=1e-9, atol=1e-9)


def test_the_kernel_distance_averages_over_pairs() -> None:
    real, fake = randn64(6, 3), randn64(4, 3, seed=1)

    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 3 + 1) ** 3)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    expected = (
        mean([kernel(a, b) for a, b in combinations(real, 2)])
        + mean([kernel(a, b) for a, b in combinations(fake, 2)])
        - 2 * mean([kernel(a, b) for a, b in product(real, fake)])
    )
    assert kernel_distance(real, fake).item() == pytest.approx(expected, rel=1e-12)
    assert kernel_distance(fake, real).item() == pytest.approx(expected, rel=1e-12)
    assert kernel_distance(shuffled(real), fake).item() == pytest.approx(expected, rel=1e-12)


def test_the_kernel_distance_is_unbiased() -> None:
    """The mean over few samples is the sum of squared differences of moments.

    The second and the first moment count three times. Those of N(s, 1) are s, 1 + s^2 and
    3 s + s^3.
    """
    s = 0.5
    expected = (3 * s + s**3) ** 2 + 3 * (s**2) ** 2 + 3 * s**2
    same = torch.stack(
        [kernel_distance(randn64(9, 1, seed=i), randn64(7, 1, seed=i + 1000)) for i in range(1000)]
    )
    other = torch.stack(
        [
            kernel_distance(randn64(9, 1, seed=i), randn64(7, 1, seed=i + 1000) + s)
            for i in range(1000)
        ]
    )
    error = 4 / len(same) ** 0.5
    assert abs(same.mean()) < error * same.std()
    assert same.min() < 0
    assert abs(other.mean() - expected) < error * other.std()


def test_ten_thousand_images_need_little_memory() -> None:
    """The peak memory of a separate process grows by less than 200 MB."""
    code = (
        "import resource, torch; from zoo.metrics.kernel import kernel_distance; "
        "from zoo.metrics.manifold import radii; from zoo.metrics.memorization import nearest; "
        "x = torch.randn(10_000, 2, dtype=torch.float64); radii(x[:9] @ x[:2].T, 3); "
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024; start = peak(); "
        "kernel_distance(x, x), radii(x, 3), nearest(x, x); print(peak() - start)"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(result.stdout) < 200


@pytest.mark.parametrize("sides", [(1, 5), (5, 1), (0, 5)])
def test_the_kernel_distance_of_one_image_raises(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"images.*>= 2.*got {min(sides)}"):
        kernel_distance(*(randn64(n, 3) for n in sides))


def test_the_kernel_distance_of_float32_raises() -> None:
    for real, fake in (
        (randn64(5, 3).float(), randn64(5, 3)),
        (randn64(5, 3), randn64(5, 3).float()),
    ):
        with pytest.raises(TypeError, match="float64"):
            kernel_distance(real, fake)
