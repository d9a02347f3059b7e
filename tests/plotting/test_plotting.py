"""Maps, charts and PNG files."""

import math
from pathlib import Path

import pytest
import torch

from zoo.plotting import maps, pictures
from zoo.plotting.charts import Curve, chart, linear_axis, logarithmic_axis


def test_thumbnails_do_not_overlap() -> None:
    positions = torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) * 100
    selected = positions[list(maps.without_overlap(positions, 10))]
    distances = torch.cdist(selected, selected, p=math.inf).fill_diagonal_(10)
    assert distances.min() >= 10
    assert (torch.cdist(positions, selected, p=math.inf).amin(1) < 10).all()  # no other fits
    assert selected[0].equal(positions[0])


def test_color_images_keep_their_colors() -> None:
    pixels = torch.full((3, 3, 32, 32), 90, dtype=torch.uint8)
    picture = maps.plot_map(torch.tensor([[0.0, 0], [1, 1], [0, 1]]), pixels, torch.arange(3))
    pixel = picture[:, maps.SIDE - maps.MARGIN - 14, maps.SIDE - maps.MARGIN - 14]
    assert (pixel.int() - 90).abs().max() <= 8


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (61.0, 88.0), (-3.0, 4.5), (5.0, 5.0)])
def test_axes_have_few_round_ticks(low: float, high: float) -> None:
    axis = linear_axis(low, high + 1e-9)
    assert axis.low <= low
    assert axis.high >= high
    assert 2 <= len(axis.ticks) <= 10
    assert axis.fraction(axis.low) == 0
    assert axis.fraction(axis.high) == 1


def test_logarithmic_ticks_are_1_2_5() -> None:
    axis = logarithmic_axis(100, 5000)
    assert axis.ticks == [100, 200, 500, 1000, 2000, 5000]
    assert axis.fraction(1000) - axis.fraction(100) == pytest.approx(
        axis.fraction(2000) - axis.fraction(200)
    )


def test_a_chart_shows_every_point() -> None:
    curve = Curve("rising", [1, 2, 3], [0.0, 0.5, 1.0], [0.1, 0.1, 0.1])
    picture = chart([curve], "x", "y")
    assert picture.shape == (3, 400, 640)
    blue = torch.tensor([0x3B, 0x6F, 0xB6])[:, None, None]
    assert ((picture.int() - blue).abs().amax(0) <= 2).sum() > 3 * 50  # of three dots and a line


@pytest.mark.parametrize("colors", [1, 200, 256, 5000])
def test_pictures_are_stored_losslessly(colors: int, tmp_path: Path) -> None:
    """Gray levels, palettes and full colors."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(256, (colors, 3), generator=generator).to(torch.uint8)
    picture = table[torch.randint(colors, (90, 80), generator=generator)].permute(2, 0, 1)
    gray = picture[:1].expand(3, -1, -1)
    for each in (picture, gray, picture[:1]):
        pictures.save(each, tmp_path / "a.png")
        assert pictures.read(tmp_path / "a.png").equal(each.expand(3, -1, -1))
