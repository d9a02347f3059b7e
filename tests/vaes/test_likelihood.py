"""Likelihoods and bounds of VAEs agree with closed forms."""

import pytest
import torch
from tensors import randn
from torch import Tensor, nn
from torch.distributions import LowRankMultivariateNormal, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from zoo.metrics.bounds import importance_weighted
from zoo.vaes.vae import VAE


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
