"""Colorfulness in closed form."""

import pytest
import torch

from zoo.errors import BadInput
from zoo.metrics.colorfulness import colorfulness


def test_gray_images_have_none() -> None:
    assert colorfulness(torch.rand(4, 1, 8, 8).expand(-1, 3, -1, -1)).abs().max() < 1e-4


def test_a_red_image_has_the_length_of_its_mean() -> None:
    """R - G = 255 and (R + G) / 2 - B = 127.5 everywhere, without variance."""
    red = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None].expand(1, 3, 4, 4)
    expected = 0.3 * (255**2 + 127.5**2) ** 0.5
    torch.testing.assert_close(colorfulness(red), torch.tensor([expected], dtype=torch.double))


def test_half_red_half_green_has_the_deviation_too() -> None:
    image = -torch.ones(1, 3, 2, 2)
    image[:, 0, 0], image[:, 1, 1] = 1, 1  # R - G is 255 above and -255 below
    expected = 255 + 0.3 * 127.5
    torch.testing.assert_close(colorfulness(image), torch.tensor([expected], dtype=torch.double))


def test_one_channel_is_refused() -> None:
    with pytest.raises(BadInput, match="3 channels"):
        colorfulness(torch.zeros(1, 1, 8, 8))
