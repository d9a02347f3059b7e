"""Latent-space tools."""

import math

import pytest
import torch

import zoo
from zoo.analysis import latents
from zoo.errors import ZooError
from zoo.gans.conditional_gan import ConditionalGAN
from zoo.gans.infogan import InfoGAN
from zoo.losses.reconstruction import pixel_error

GAN = zoo.load("dcgan-digits")


VAE = zoo.load("vae-digits")


def test_truncation_equals_rejection_sampling() -> None:
    z = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    accepted, truncated = z[z.abs() <= 0.7], latents.truncate(z, 0.7)
    assert truncated.abs().max() <= 0.7
    quantiles = torch.linspace(0.01, 0.99, 15)
    values, expected = (x.sort().values[(quantiles * len(x)).long()] for x in (truncated, accepted))
    assert torch.allclose(values, expected, atol=0.01)
    assert (truncated[z.argsort()].diff() >= 0).all()


def test_a_large_threshold_changes_nothing() -> None:
    z = GAN.prior(100, seed=0)
    assert torch.allclose(latents.truncate(z, math.inf), z, atol=1e-5)
    assert torch.allclose(latents.truncate(z, 8.0), z, atol=1e-5)
    assert latents.truncate(z, 1e-3).abs().max() <= 1e-3


def test_truncation_of_another_prior_raises() -> None:
    with pytest.raises(ZooError, match=r"prior.*InfoGAN"):
        latents.truncated(InfoGAN(size=8, width=8), 4, 1.0, seed=0)
    assert latents.truncated(VAE, 4, 1.0, seed=0).shape == (4, 16)


def test_decode_is_differentiable_on_request() -> None:
    z = GAN.prior(3, seed=0)
    assert not GAN.decode(z).requires_grad
    (grad,) = torch.autograd.grad(GAN.decode(z.requires_grad_()).sum(), z)
    assert grad.abs().sum(1).min() > 0
    with torch.no_grad():
        assert not GAN.decode(z).requires_grad


def test_projection_recovers_samples() -> None:
    images = GAN.sample(4, seed=1)
    z = latents.project(GAN, images, steps=200, seed=0)
    assert z.shape == (4, 32)
    assert pixel_error(GAN.decode(z), images).max() < 2e-3
    assert pixel_error(GAN.sample(4, seed=2), images).min() > 5e-2
    assert all(weight.grad is None for weight in GAN.parameters())


def test_projection_returns_the_best_start() -> None:
    images = GAN.sample(3, seed=1)
    one, many = (latents.project(GAN, images, 5, starts, seed=0) for starts in (1, 8))
    errors = [pixel_error(GAN.decode(z), images) for z in (one, many)]
    assert (errors[1] <= errors[0] + 1e-6).all()


def test_projection_of_a_conditional_model_raises() -> None:
    model = ConditionalGAN(size=8, channels=1, width=8, classes=3)
    with pytest.raises(ZooError, match="ConditionalGAN"):
        latents.project(model, GAN.sample(1))


def test_projection_of_images_of_another_shape_raises() -> None:
    with pytest.raises(ZooError, match=r"shape \(n, 1, 8, 8\), got \(2, 3, 8, 8\)"):
        latents.project(GAN, torch.zeros(2, 3, 8, 8))
    assert latents.project(GAN, torch.zeros(0, 1, 8, 8), steps=1).shape == (0, 32)


def test_a_direction_is_the_difference_of_means() -> None:
    z = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 9.0], [6.0, 9.0]])
    direction = latents.attribute_direction(z, torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert torch.allclose(direction, torch.tensor([4.0, 8.0]) / 80**0.5)


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_an_attribute_of_all_or_no_samples_raises(probability: float) -> None:
    with pytest.raises(ZooError, match="attribute"):
        latents.attribute_direction(torch.randn(5, 4), torch.full((5,), probability))


def test_a_direction_is_parallel_to_the_gradient() -> None:
    """Stein's lemma, for a probability with a gradient along (3, 4) / 5."""
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    direction = latents.attribute_direction(z, (z @ torch.tensor([3.0, 4.0])).sigmoid())
    assert torch.allclose(direction, torch.tensor([0.6, 0.8]), atol=0.03)


def test_steering_moves_in_both_directions() -> None:
    path = latents.steer(torch.tensor([[1.0, 1.0], [5.0, 0.0]]), torch.tensor([0.0, 1.0]), 3, 2)
    assert path.tolist() == [[1, -1], [1, 1], [1, 3], [5, -2], [5, 0], [5, 2]]


def test_latent_arithmetic_uses_means() -> None:
    a, b, c = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(latents.latent_arithmetic(a, b, c), (a - b + c).mean(0))


def test_rescaled_means_have_the_norm_of_samples() -> None:
    samples = GAN.prior(3000, seed=0) + 5
    means = torch.stack([samples[:100].mean(0), samples[:3].mean(0)])
    rescaled = latents.rescale_to_prior_norm(means, samples) - samples.mean(0)
    assert torch.allclose(rescaled.norm(dim=1), torch.tensor(32**0.5), rtol=0.02)
    cosine = torch.cosine_similarity(rescaled, means - samples.mean(0))
    assert torch.allclose(cosine, torch.ones(2))


def test_paths_start_and_end_at_the_given_latents() -> None:
    a, b = GAN.prior(4, seed=0).chunk(2)
    for path in latents.PATHS.values():
        z = path(a, b, 5).unflatten(0, (2, 5))
        assert torch.allclose(z[:, 0], a, atol=1e-5)
        assert torch.allclose(z[:, -1], b, atol=1e-5)
    straight = latents.PATHS["straight"](a, b, 3).unflatten(0, (2, 3))
    assert torch.allclose(straight[:, 1], (a + b) / 2)


def test_traverse_changes_one_latent_at_a_time() -> None:
    code, std = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 10.0])
    path = latents.traverse(code, std, torch.tensor([1, 0]), steps=3, reach=2)
    expected = [[1, -18], [1, 2], [1, 22], [0, 2], [1, 2], [2, 2]]
    assert path.equal(torch.tensor(expected).float())
