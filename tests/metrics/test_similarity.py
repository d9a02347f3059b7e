"""Structural similarity in closed form."""

import pytest
import torch

from zoo.errors import BadInput
from zoo.metrics.checks import NotEnough
from zoo.metrics.similarity import ssim


def test_equal_images_have_similarity_one() -> None:
    x = torch.rand(3, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(ssim(x, x), torch.ones(3))


def test_uniform_images_differ_by_their_luminance() -> None:
    """Without variance, (2 a b + c) / (a^2 + b^2 + c) is left, with c = (0.01 * 2)^2."""
    a, b = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 1, 16, 16), 0.2)
    wanted = (2 * 0.5 * 0.2 + 4e-4) / (0.25 + 0.04 + 4e-4)
    torch.testing.assert_close(ssim(a, b), torch.tensor([wanted]), rtol=1e-4, atol=0)


def test_inputs_are_checked() -> None:
    with pytest.raises(BadInput, match="shape"):
        ssim(torch.zeros(1, 1, 16, 16), torch.zeros(1, 3, 16, 16))
    with pytest.raises(NotEnough, match="size"):
        ssim(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
