"""Metrics of features have the same value on one process as on several."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from zoo.metrics.extractors import Pixels
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between
from zoo.metrics.kernel import kernel_distance
from zoo.metrics.manifold import density_coverage, precision_recall

MEASURES = [frechet_between, kernel_distance, precision_recall, density_coverage]
Measure = Callable[[Tensor, Tensor], Tensor | tuple[float, float]]


def sides() -> tuple[Tensor, Tensor]:
    """61 real and 50 generated images."""
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randint(0, high, (n, 1, 2, 2), generator=generator) for n, high in SIDES)
    return real.to(torch.uint8), fake.to(torch.uint8)


SIDES = ((61, 256), (50, 200))


def measured(measure: Measure, rank: int, ranks: int) -> Tensor:
    """Value of a metric for the images of one rank, in batches of 20."""
    metric = FeatureMetric(Pixels(), measure)
    for images, is_real in zip(sides(), (True, False), strict=True):
        for batch in images[rank::ranks].split(20):
            metric.update(batch, real=is_real)
    return torch.as_tensor(metric.compute(), dtype=torch.float64)


def work(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    values = [measured(measure, rank, 2) for measure in MEASURES]
    torch.save(values, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_measure_the_union_of_their_images(tmp_path: Path) -> None:
    multiprocessing.spawn(work, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        for measure, value in zip(MEASURES, torch.load(tmp_path / f"{rank}.pt"), strict=True):
            torch.testing.assert_close(value, measured(measure, 0, 1))


@pytest.mark.parametrize("measure", MEASURES)
def test_one_process_agrees_with_the_function(measure: Measure) -> None:
    features = [Pixels()(side) for side in sides()]
    expected = torch.as_tensor(measure(*features), dtype=torch.float64)
    torch.testing.assert_close(measured(measure, 0, 1), expected)


def test_precomputed_features_replace_images() -> None:
    real, fake = sides()
    metric = FeatureMetric(Pixels(), frechet_between)
    metric.add_real(Pixels()(real))
    for _ in range(2):  # reset keeps the real features
        metric.update(fake, real=False)
        torch.testing.assert_close(metric.compute(), measured(frechet_between, 0, 1))
        metric.reset()
