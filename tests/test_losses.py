"""Losses, likelihoods and Frechet distances agree with closed forms."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor, nn
from torch.distributions import LowRankMultivariateNormal, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from zoo.losses.adversarial import non_saturating, wasserstein
from zoo.losses.penalties import gradient, gradient_penalty
from zoo.metrics.bounds import importance_weighted
from zoo.metrics.extractors import Pixels
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between, frechet_distance
from zoo.vaes.vae import VAE


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Linear(nn.Module):
    """Critic w . x, whose gradient is w at every image."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.body = nn.Linear(channels * size * size, 1)
        self.dtypes: list[torch.dtype] = []

    def forward(self, x: Tensor) -> Tensor:
        scores = self.body(x.flatten(1))
        self.dtypes.append(scores.dtype)
        return scores.flatten()


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("n", "channels", "size"), [(1, 1, 4), (5, 1, 8), (3, 3, 16)])
def test_the_gradient_penalty_of_a_linear_critic(
    n: int, channels: int, size: int, autocast: bool
) -> None:
    critic = Linear(channels, size)
    real, fake = randn(n, channels, size, size), randn(n, channels, size, size, seed=1)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        penalty = gradient_penalty(critic, real, fake.bfloat16() if autocast else fake)
        assert critic(real).dtype == (torch.bfloat16 if autocast else torch.float32)
    assert penalty.dtype == critic.dtypes[0] == torch.float32
    torch.testing.assert_close(penalty, (critic.body.weight.norm() - 1).square())


def test_the_gradient_penalty_is_differentiable_in_the_weights_only() -> None:
    critic, real = Linear(1, 4), randn(2, 1, 4, 4).requires_grad_()
    gradient_penalty(critic, real, randn(2, 1, 4, 4, seed=1)).backward()
    weight = critic.body.weight
    expected = 2 * (weight.norm() - 1) * weight / weight.norm()
    torch.testing.assert_close(weight.grad, expected.detach())
    assert real.grad is None


def test_the_gradient_of_a_square_is_twice_the_image() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum((1, 2, 3))

    x = randn(4, 3, 8, 8)
    torch.testing.assert_close(gradient(Square(), x), 2 * x.flatten(1))


def test_non_saturating_is_the_log_of_a_sigmoid() -> None:
    real, fake = randn(64, dtype=torch.float64), randn(64, seed=1, dtype=torch.float64)
    log_real, log_fake = real.sigmoid().log(), (1 - fake.sigmoid()).log()
    expected = -log_real.mean() - log_fake.mean()
    torch.testing.assert_close(non_saturating.discriminator(real, fake), expected)
    torch.testing.assert_close(non_saturating.generator(fake), -fake.sigmoid().log().mean())


def test_non_saturating_is_finite_for_large_logits() -> None:
    logits = torch.tensor([200.0, -200.0])
    assert non_saturating.discriminator(logits, -logits) == 200
    assert non_saturating.generator(logits) == 100


def test_wasserstein_is_a_difference_of_means() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0, 4.0])
    assert wasserstein.discriminator(real, fake) == -1
    assert wasserstein.generator(fake) == -1


def test_divergence_in_closed_form() -> None:
    model = VAE(size=8, channels=1, latent=3, width=4).eval()
    x = randn(5, 1, 8, 8).clamp(-1, 1)
    _, divergence = model.elbo_terms(x)
    mean, log_variance = model.encoder(x).chunk(2, dim=1)
    expected = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    assert divergence.shape == (5,)
    torch.testing.assert_close(divergence, expected)


def test_bernoulli_likelihood_is_minus_binary_cross_entropy() -> None:
    model = VAE(size=8, channels=1, latent=3, width=4, likelihood="bernoulli").eval()
    x = randn(5, 1, 8, 8).clamp(-1, 1)
    torch.manual_seed(0)
    log_likelihood, _ = model.elbo_terms(x)
    torch.manual_seed(0)
    logits, white = model.decoder(model.posterior(x).rsample()), (x + 1) / 2
    expected = binary_cross_entropy_with_logits(logits, white, reduction="none").flatten(1).sum(1)
    torch.testing.assert_close(log_likelihood, -expected)


class Atanh(nn.Module):
    """Inverts the tanh of a Gaussian likelihood's mean."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.atanh()


def linear_gaussian(shift: float = 0.0) -> tuple[VAE, LowRankMultivariateNormal]:
    """VAE with the model x = W z + b + noise and its exact posterior, and the evidence.

    W has orthogonal columns, so that the posterior N(V W' (x - b) / noise^2, V) with
    V = (I + W'W / noise^2)^-1 is diagonal. The evidence is N(b, WW' + noise^2). `shift` is added
    to the encoder's means.
    """
    model = VAE(size=8, channels=1, latent=3, noise=0.2).double().eval()
    columns = torch.linalg.qr(randn(64, 3, dtype=torch.float64)).Q
    W, b = columns * torch.tensor([0.2, 0.4, 0.6]).double(), 0.1 * columns.sum(1)
    V = 1 / (1 + W.square().sum(0) / 0.2**2)
    encoder, decoder = nn.Linear(64, 6).double(), nn.Linear(3, 64).double()
    with torch.no_grad():
        decoder.weight.copy_(W)
        decoder.bias.copy_(b)
        encoder.weight.copy_(torch.cat([V[:, None] * W.T / 0.2**2, torch.zeros(3, 64)]))
        encoder.bias.copy_(torch.cat([shift - V * (W.T @ b) / 0.2**2, V.log()]))
    model.encoder = nn.Sequential(nn.Flatten(), encoder)
    model.decoder = nn.Sequential(decoder, nn.Unflatten(1, (1, 8, 8)), Atanh())
    noise = torch.full((64,), 0.2**2, dtype=torch.float64)
    return model, LowRankMultivariateNormal(b, W, noise)


@torch.no_grad()
def test_bayes_rule_holds_for_every_latent() -> None:
    model, evidence = linear_gaussian()
    x = evidence.mean.view(1, 1, 8, 8) + 0.2 * randn(5, 1, 8, 8, dtype=torch.float64)
    q = model.posterior(x)
    z = q.sample()
    joint = model.likelihood(z).log_prob(x).flatten(1).sum(1) + Normal(0, 1).log_prob(z).sum(1)
    torch.testing.assert_close(joint - q.log_prob(z).sum(1), evidence.log_prob(x.flatten(1)))


@torch.no_grad()
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_elbo_is_the_evidence_minus_the_encoders_error(shift: float) -> None:
    torch.manual_seed(0)
    model, evidence = linear_gaussian(shift)
    x = evidence.mean.view(1, 1, 8, 8) + 0.2 * randn(1, 1, 8, 8, dtype=torch.float64)
    error = kl_divergence(model.posterior(x), linear_gaussian()[0].posterior(x)).sum()
    log_likelihood, divergence = model.elbo_terms(x.expand(20_000, -1, -1, -1))
    bound = log_likelihood - divergence
    expected = evidence.log_prob(x.flatten()) - error
    assert abs(bound.mean() - expected) < 5 * bound.std() / len(bound) ** 0.5 < 0.2
    assert (error > 0.1) == (shift > 0)


@torch.no_grad()
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_more_samples_tighten_the_bound(shift: float) -> None:
    """Burda et al., 2016, theorem 1; with the exact posterior every weight is the evidence."""
    torch.manual_seed(0)
    model, evidence = linear_gaussian(shift)
    x = evidence.mean.view(1, 1, 8, 8) + 0.2 * randn(1, 1, 8, 8, dtype=torch.float64)
    log_weights = model.log_importance_weights(x.expand(400, -1, -1, -1), 500).T.flatten()
    bounds = [float(importance_weighted(log_weights.view(-1, k).T)) for k in (1, 5, 50, 500, 5000)]
    exact = float(evidence.log_prob(x.flatten()))
    if shift:
        assert sorted(bounds) == bounds
        assert exact - bounds[0] > 0.1
    assert bounds[-1] == pytest.approx(exact, abs=0.01)
    assert bounds[-1] <= exact + 0.01


def gaussian(seed: int, d: int = 64) -> tuple[Tensor, Tensor]:
    """Mean (d,) and well-conditioned covariance (d, d)."""
    factor = randn(d, 4 * d, seed=seed, dtype=torch.float64)
    return randn(d, seed=seed + 100, dtype=torch.float64), factor @ factor.T / (4 * d)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_distance_agrees_with_scipy(seed: int) -> None:
    (m, c), (n, d) = gaussian(seed), gaussian(seed + 10)
    root = scipy.linalg.sqrtm((c @ d).numpy()).real
    expected = (m - n).square().sum().item() + np.trace(c.numpy() + d.numpy() - 2 * root)
    assert frechet_distance(m, c, n, d).item() == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_diagonal_gaussians() -> None:
    (m, c), (n, d) = gaussian(0), gaussian(1)
    a, b = c.diag(), d.diag()
    expected = (m - n).square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    torch.testing.assert_close(frechet_distance(m, a.diag(), n, b.diag()), expected)


def test_frechet_distance_is_symmetric_and_zero_for_equals() -> None:
    one, other = gaussian(0), gaussian(1)
    torch.testing.assert_close(frechet_distance(*one, *other), frechet_distance(*other, *one))
    assert abs(frechet_distance(*one, *one)) < 1e-9


def test_frechet_distance_of_infinite_features_raises() -> None:
    features = torch.ones(3, 2).double()
    with pytest.raises(ValueError, match="finite"):
        frechet_between(features, features / 0)


def test_frechet_distance_of_a_singular_covariance() -> None:
    mean, line = torch.zeros(3).double(), torch.diag(torch.tensor([4.0, 0.0, 0.0])).double()
    torch.testing.assert_close(
        frechet_distance(mean, line, mean, torch.eye(3).double()), torch.tensor(3.0).double()
    )


@pytest.mark.parametrize("which", range(4))
def test_frechet_distance_of_float32_raises(which: int) -> None:
    statistics = [*gaussian(0), *gaussian(1)]
    statistics[which] = statistics[which].float()
    with pytest.raises(TypeError, match="float64"):
        frechet_distance(*statistics)


def digits(n: int, low: int, seed: int) -> Tensor:
    own = torch.Generator().manual_seed(seed)
    return torch.randint(low, 256, (n, 1, 8, 8), generator=own, dtype=torch.uint8)


def test_the_frechet_metric_agrees_with_numpy() -> None:
    real, fake = digits(300, 0, seed=0), digits(200, 60, seed=1)
    metric = FeatureMetric(Pixels(), frechet_between)
    for images, is_real in (real, True), (fake, False):
        for chunk in images.split(64):
            metric.update(chunk, real=is_real)
    features = [x.flatten(1).double().numpy() / 127.5 - 1 for x in (real, fake)]
    moments = [torch.from_numpy(s) for f in features for s in (f.mean(0), np.cov(f.T))]
    assert metric.compute().dtype == torch.float64
    torch.testing.assert_close(metric.compute(), frechet_distance(*moments), rtol=1e-5, atol=0)
    metric.reset()
    metric.update(fake, real=False)  # reset keeps the real features
    torch.testing.assert_close(metric.compute(), frechet_distance(*moments), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("real", "fake"), [(1, 1), (1, 5), (5, 1)])
def test_frechet_distance_of_one_image_raises(real: int, fake: int) -> None:
    metric = FeatureMetric(Pixels(), frechet_between)
    for n, is_real in (real, True), (fake, False):
        metric.update(digits(n, 0, seed=n), real=is_real)
    with pytest.raises(ValueError, match=r"images.*>= 2.*got 1"):
        metric.compute()


def test_extractors_of_float_images_raise() -> None:
    with pytest.raises(TypeError, match="uint8"):
        FeatureMetric(Pixels(), frechet_between).update(torch.zeros(2, 1, 8, 8), real=True)
