"""Facts of adaptive discriminator augmentation."""

import math
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from loops import digits, fit, one_thread

from zoo.callbacks import AdaptAugmentation
from zoo.errors import BadRecipe, UnknownName
from zoo.gans import DCGAN, StyleGAN2
from zoo.layers.ada import (
    AdaptiveAugment,
    colors,
    geometry,
    recolor,
    reflect,
    rotation,
    scaling,
    shift,
    warp,
)

__all__ = ["one_thread"]
ONE = torch.ones(2)


def images(n: int = 2) -> torch.Tensor:
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_p_of_zero_changes_nothing() -> None:
    x = images()
    assert torch.allclose(AdaptiveAugment()(x), x, atol=1e-5)


def test_p_of_one_changes_every_image() -> None:
    augment = AdaptiveAugment()
    augment.p.fill_(1.0)
    x = images(20)
    assert ((augment(x) - x).abs().amax((1, 2, 3)) > 1e-2).all()


def test_matrices_flip_turn_and_shift_exactly() -> None:
    x = images()
    assert torch.allclose(warp(x, scaling(-ONE, ONE)), x.flip(3), atol=1e-5)
    turned = warp(x, rotation(ONE * math.pi / 2))
    assert torch.allclose(turned, x.rot90(1, (2, 3)), atol=1e-4)
    shifted = warp(x, shift(ONE * 2 / 8, 0 * ONE))  # a pixel is 2 / 8
    assert torch.allclose(shifted[..., :-1], x[..., 1:], atol=1e-5)
    assert torch.allclose(shifted[..., -1], x[..., -1], atol=1e-5)  # mirrored


def test_the_border_is_mirrored() -> None:
    assert reflect(torch.arange(-4, 8), 4).tolist() == [3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0]


def test_halfway_between_pixels_is_their_mean() -> None:
    x = images()
    moved = warp(x, shift(ONE / 8, 0 * ONE))
    assert torch.allclose(moved[..., :-1], (x[..., 1:] + x[..., :-1]) / 2, atol=1e-5)


def test_warps_have_second_derivatives() -> None:
    x = images().requires_grad_()
    matrix = geometry(x, torch.tensor(1.0))
    (grad,) = torch.autograd.grad(warp(x, matrix).pow(3).sum(), x, create_graph=True)
    grad.square().sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
    assert x.grad.abs().sum() > 0


def test_gray_stays_gray_unless_brightness_or_contrast_change() -> None:
    """Luma flips, hue and saturation act around the gray axis."""
    torch.manual_seed(0)
    gray = torch.full((500, 3, 1, 1), 0.5)
    changed = recolor(gray, colors(gray, torch.tensor(1.0)))[:, :, 0, 0]
    assert torch.allclose(changed, changed.mean(1, keepdim=True).expand(-1, 3), atol=1e-5)


def test_colors_of_p_zero_are_the_identity() -> None:
    x = images()
    matrix = colors(x, torch.tensor(0.0))
    assert torch.allclose(matrix[:, :, :3], torch.eye(3).expand(2, 3, 3))
    assert (matrix[:, :, 3] == 0).all()


def test_transforms_apply_with_probability_p() -> None:
    torch.manual_seed(0)
    x = torch.zeros(4000, 3, 8, 8)
    unchanged = (geometry(x, torch.tensor(0.1)) == torch.eye(3)).all((1, 2)).float().mean()
    # six transforms and two rotations of 1 - sqrt(0.9); a flip does nothing in half of the cases,
    # a quarter turn in one of four, a shift by less than half a pixel in half of them, per axis
    expected = (1 - 0.05) * (1 - 0.075) * (1 - 0.1 * 0.75) * 0.9 * 0.9 * 0.9 * 0.9
    assert unchanged == pytest.approx(expected, abs=0.03)


def test_p_rises_while_the_discriminator_overfits(tmp_path: Path) -> None:
    """r above the target raises p by 4 batches of 20 / 1,000 images, and checkpoints hold p."""
    torch.manual_seed(0)
    model = DCGAN(size=8, channels=1, width=8, augment=("ada",))
    model.discriminator.register_forward_hook(lambda *args: args[2] + 100)  # r = 1
    callback = AdaptAugmentation(images=1000)
    checkpoint = ModelCheckpoint(tmp_path, "last")
    fit(model, callbacks=[callback, checkpoint])
    p = model.discriminator[0].p
    assert p.item() == pytest.approx(len(digits()) // 4 * 4 * 20 / 1000)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert state["discriminator.0.p"] == p


def test_stylegan2_trains_with_it() -> None:
    torch.manual_seed(0)
    model = StyleGAN2(size=8, channels=1, latent=8, width=8, mapping_depth=2, augment=("ada",))
    model.discriminator[0].p.fill_(0.5)
    fit(model, callbacks=[AdaptAugmentation()])
    assert all(bool(w.isfinite().all()) for w in model.parameters())


def test_it_needs_adaptive_augmentation() -> None:
    with pytest.raises(BadRecipe, match="DCGAN"):
        fit(DCGAN(size=8, channels=1, width=8), callbacks=[AdaptAugmentation()])
    with pytest.raises(BadRecipe, match=r"1\.5"):
        AdaptAugmentation(target=1.5)
    with pytest.raises(UnknownName, match="ada"):
        DCGAN(size=8, channels=1, width=8, augment=("ada", "color"))
