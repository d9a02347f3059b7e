"""Differentiable augmentation."""

import pytest
import torch
from torch import Tensor

from zoo.errors import UnknownName
from zoo.layers.augment import DiffAugment, color, cutout, translation


def test_translation_shifts_and_cutout_masks() -> None:
    torch.manual_seed(0)
    x = torch.rand(64, 3, 16, 16) + 1
    masked = cutout(x)
    assert torch.equal(masked[masked != 0], x[masked != 0])
    assert (masked == 0).float().mean(dim=(1, 2, 3)).max().item() == pytest.approx(0.25)
    for before, after in zip(x, translation(x), strict=True):
        shifts = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]
        assert any(is_shift(before, after, i, j) for i, j in shifts)
    with pytest.raises(UnknownName, match="color"):
        DiffAugment(("colour",))


def is_shift(before: Tensor, after: Tensor, i: int, j: int) -> bool:
    inside = before.new_zeros(before.shape)
    rows = slice(max(0, i), 16 + min(0, i)), slice(max(0, -i), 16 + min(0, -i))
    across = slice(max(0, j), 16 + min(0, j)), slice(max(0, -j), 16 + min(0, -j))
    inside[:, rows[1], across[1]] = before[:, rows[0], across[0]]
    return torch.equal(inside, after)


def test_color_equals_the_formulas_of_the_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brightness +-1/2, saturation from 0 to 2, contrast from 1/2 to 3/2."""
    x, u = torch.rand(4, 3, 8, 8), torch.rand(3, 4, 1, 1, 1)
    monkeypatch.setattr(torch, "rand", lambda *size: u if size == tuple(u.shape) else None)
    for changed, image, (brightness, saturation, contrast) in zip(
        color(x), x, u.flatten(1).T, strict=True
    ):
        image = image + (brightness - 0.5)
        gray = image.mean(0)
        image = gray + (image - gray) * (saturation * 2)
        expected = image.mean() + (image - image.mean()) * (contrast + 0.5)
        assert changed.allclose(expected, atol=1e-6)


def test_augmentation_is_differentiable() -> None:
    x = torch.rand(8, 3, 16, 16, requires_grad=True)
    DiffAugment(("color", "translation", "cutout"))(x).square().sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).flatten(1).any(1).all()
