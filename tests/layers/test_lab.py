"""The color space Lab at published values, and its inverse."""

import pytest
import torch
from torch import Tensor

from zoo.layers.lab import lab_to_rgb, rgb_to_lab

SCALE = torch.tensor([50.0, 110.0, 110.0])
PUBLISHED = {  # sRGB under D65, 2 degrees
    (1, -1, -1): (53.24, 80.09, 67.20),
    (-1, 1, -1): (87.73, -86.18, 83.18),
    (-1, -1, 1): (32.30, 79.19, -107.86),
    (1, 1, 1): (100.0, 0.0, 0.0),
    (-1, -1, -1): (0.0, 0.0, 0.0),
}


def colors(*values: tuple[float, ...]) -> Tensor:
    """Images (n, 3, 1, 1) of one pixel."""
    return torch.tensor(values, dtype=torch.float32)[:, :, None, None]


@pytest.mark.parametrize("color", list(PUBLISHED))
def test_primary_colors_have_their_published_values(color: tuple[float, ...]) -> None:
    found = rgb_to_lab(colors(color)).flatten() * SCALE + torch.tensor([50.0, 0, 0])
    torch.testing.assert_close(found, torch.tensor(PUBLISHED[color]), atol=0.03, rtol=0)


def test_lab_is_inverted() -> None:
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(x)), x, atol=1e-4, rtol=0)


def test_gray_has_no_colors() -> None:
    gray = torch.linspace(-1, 1, 256).view(1, 1, 16, 16).expand(-1, 3, -1, -1)
    assert rgb_to_lab(gray)[:, 1:].abs().max() < 1e-5


def test_colors_outside_of_srgb_are_clipped() -> None:
    found = lab_to_rgb(colors((0.0, -1.0, -1.0)))
    assert found.isfinite().all()
    assert found.abs().max() <= 1 + 1e-6
