"""Metrics of translations in closed form, beside a copy of the input."""

import pytest
import torch
from torch import Tensor

from zoo.core.modality import ImagePairs, normalize
from zoo.core.module import ZooModule
from zoo.data.arrays import DatasetInfo, Examples, Split
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import PROTOCOLS, Record
from zoo.evaluation.translations import copied, translation_metrics

PAIRS = ImagePairs((1, 16, 16), (3, 16, 16))


class Perfect(ZooModule):
    """Negates images, as the targets of `Negated` do."""

    modality = PAIRS

    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        return -x.expand(-1, 3, -1, -1)


class Negated(ZooDataModule):
    """Gray images and their negatives in three channels."""

    source = DatasetInfo("Negated", "not published", "CC0-1.0", "Apache-2.0")
    modality = PAIRS
    extractor = "pixels"

    def read(self, split: Split) -> Examples:
        values, _ = PAIRS.toy(8)
        return Examples(values, 255 - values.expand(-1, 3, -1, -1))


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    found = translation_metrics(Perfect(), Negated(), PROTOCOLS["quick"])
    return {str(record["metric"]): record for record in found}


def test_the_distance_in_the_space_of_the_data_comes_first(records: dict[str, Record]) -> None:
    assert list(records) == ["fd-pixels", "kd-pixels", "mae", "psnr", "ssim"]
    assert records["fd-pixels"]["extractor"] == "pixels"


def test_a_perfect_translator_has_no_error(records: dict[str, Record]) -> None:
    assert records["fd-pixels"]["value"] == pytest.approx(0, abs=1e-3)
    assert (records["mae"]["value"], records["psnr"]["value"]) == (0, 100)
    assert records["ssim"]["value"] == pytest.approx(1)


def test_a_copy_has_the_error_of_the_inputs(records: dict[str, Record]) -> None:
    x, y = Negated().examples("test")
    error = (x.expand(-1, 3, -1, -1).double() - y.double()).abs().mean() / 255
    assert records["mae"]["copied"] == pytest.approx(float(error), rel=1e-4)
    assert records["fd-pixels"]["copied"] > 1
    assert records["psnr"]["copied"] < 20


def test_copies_have_the_shape_of_the_targets() -> None:
    targets = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    copies = copied(normalize(torch.full((2, 1, 8, 8), 200)), targets)
    assert torch.equal(copies, torch.full_like(targets, 200))
