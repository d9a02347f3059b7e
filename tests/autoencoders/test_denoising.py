"""Denoising autoencoders."""

import pytest
import torch
from toy_autoencoders import train

from zoo.autoencoders.denoising import DenoisingAutoencoder


def test_dropout_sets_pixels_to_black() -> None:
    x = torch.rand(100, 1, 8, 8) * 2 - 1
    torch.manual_seed(0)
    corrupted = DenoisingAutoencoder(size=8, amount=0.3).corrupt(x)
    black = corrupted == -1
    assert black.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(corrupted[~black], x[~black])


def test_gaussian_noise_is_in_units_of_brightness() -> None:
    x = torch.zeros(100, 1, 8, 8)
    torch.manual_seed(0)
    corrupted = DenoisingAutoencoder(size=8, corruption="gaussian", amount=0.2).corrupt(x)
    assert (corrupted / 2).std().item() == pytest.approx(0.2, rel=0.05)


def test_a_denoiser_of_gaussian_data_converges_to_shrinkage() -> None:
    """The optimum is E[x | y] = mean + C (C + s^2 I)^-1 (y - mean) for corrupted images y."""
    generator = torch.Generator().manual_seed(0)
    root = torch.tensor([[0.25, 0.0], [0.15, 0.1]])
    x = torch.randn(20_000, 2, generator=generator) @ root.T
    torch.manual_seed(0)
    model = DenoisingAutoencoder(
        size=1, channels=2, widths=(32,), latent=8, corruption="gaussian", amount=0.1, lr=0.01
    )
    train(model, x[:, :, None, None], 6, 200)
    corrupted = model.corrupt(x[:2000, :, None, None])
    covariance = root @ root.T
    shrink = covariance @ torch.linalg.inv(covariance + 0.2**2 * torch.eye(2))
    optimum = corrupted.flatten(1) @ shrink.T
    denoised = model.reconstruct(corrupted).flatten(1)
    error = (optimum - x[:2000]).square().mean()
    assert (denoised - optimum).square().mean() < 0.02 * error
    assert (corrupted.flatten(1) - x[:2000]).square().mean() > 1.3 * error
