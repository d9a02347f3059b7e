"""Linear autoencoders span the principal components."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import Tensor
from toy_autoencoders import train

from zoo.autoencoders.linear import LinearAutoencoder


def noisy_ellipse(n: int = 200) -> Tensor:
    """Noisy points (n, 3) on an ellipse in a plane."""
    generator = torch.Generator().manual_seed(0)
    angle = 2 * math.pi * torch.rand(n, generator=generator)
    points = torch.stack([angle.cos(), 0.5 * angle.sin()], 1)
    axes, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator))
    return points @ axes[:2] * 0.7 + 0.05 * torch.randn(n, 3, generator=generator) + 0.1


def largest_angle(model: LinearAutoencoder, x: Tensor) -> float:
    """Largest angle between the decoder's subspace and the principal components, in degrees."""
    components = PCA(model.hparams["latent"]).fit(x.flatten(1).double().numpy()).components_
    subspace = model.decoder[0].weight.detach().double().numpy()
    return float(np.rad2deg(subspace_angles(subspace, components.T).max()))


def least_error(x: Tensor, latent: int) -> float:
    """Mean squared error of PCA for values in [-1, 1]."""
    flat = x.flatten(1).double().numpy()
    pca = PCA(latent).fit(flat)
    return float(np.square(pca.inverse_transform(pca.transform(flat)) - flat).mean())


def test_a_linear_autoencoder_finds_the_plane_of_an_ellipse() -> None:
    x = noisy_ellipse()[:, :, None, None]
    torch.manual_seed(0)
    model = LinearAutoencoder(size=1, channels=3, latent=2, lr=0.05)
    train(model, x, 200, 50)
    assert largest_angle(model, x) < 1
    error = (model.decoder(model.encoder(x)) - x).square().mean().item()
    assert error == pytest.approx(least_error(x, 2), rel=1e-3)


def test_a_linear_autoencoder_spans_the_principal_components() -> None:
    """Of 64 pixels, where the variances of the first ten are larger than the others."""
    generator = torch.Generator().manual_seed(0)
    axes, _ = torch.linalg.qr(torch.randn(64, 64, generator=generator))
    std = torch.cat([torch.linspace(0.5, 0.2, 10), torch.full((54,), 0.05)])
    x = (torch.randn(2000, 64, generator=generator) * std @ axes).unflatten(1, (1, 8, 8))
    torch.manual_seed(0)
    model = LinearAutoencoder(size=8, latent=10, lr=0.03)
    train(model, x, 60, 200)
    assert largest_angle(model, x) < 1
    error = (model.decoder(model.encoder(x)) - x).square().mean().item()
    assert error == pytest.approx(least_error(x, 10), rel=1e-3)
