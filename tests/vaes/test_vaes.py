"""The variational autoencoders agree with closed forms."""

import math
from collections.abc import Callable

import pytest
import torch
from tensors import randn
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.optim import Adam
from toy_vaes import LATENT, N, batches, discrepancy, fit, gauss, toy

from zoo.errors import ZooError
from zoo.vaes.beta_tc import decompose
from zoo.vaes.beta_vae import BetaVAE
from zoo.vaes.conditional_vae import ConditionalVAE
from zoo.vaes.iwae import IWAE
from zoo.vaes.vae import VAE
from zoo.vaes.vamp import VampVAE, mixture_log_prob
from zoo.vaes.wae import maximum_mean_discrepancy

STANDARD = Normal(0.0, 1.0)


LIKELY = [
    lambda: toy(VAE),
    lambda: toy(VAE, network="dense"),
    lambda: toy(IWAE, network="dense-2", importance_samples=2),
    lambda: toy(VAE, network="dense-2-norm"),
    lambda: toy(VampVAE, components=4),
    lambda: toy(ConditionalVAE),
    lambda: toy(BetaVAE),
]


@pytest.mark.parametrize("build", LIKELY)
@torch.no_grad()
def test_the_mean_of_single_weights_is_the_elbo(build: Callable[[], VAE]) -> None:
    """Over many samples, log p(x, z) - log q(z | x) and the ELBO have the same mean."""
    model, (x, _) = build().eval(), batches()[0]
    torch.manual_seed(0)
    log_w = model.log_importance_weights(x[:1], 4000)
    assert log_w.shape == (4000, 1)
    log_likelihood, divergence = model.elbo_terms(x[:1].expand(4000, -1, -1, -1))
    bound = log_likelihood - divergence
    error = (log_w.std() + bound.std()) / 4000**0.5
    assert abs(log_w.mean() - bound.mean()) < 4 * error < 0.02 * abs(bound.mean())


@torch.no_grad()
def test_log_weights_of_each_sample() -> None:
    model, (x, _) = toy(VAE, network="dense").eval(), batches()[0]
    torch.manual_seed(0)
    together = model.log_importance_weights(x, 3)
    torch.manual_seed(0)
    q, noise = model.posterior(x), torch.randn(3, N, LATENT)
    for log_w, eps in zip(together, noise, strict=True):
        z = q.mean + q.stddev * eps
        joint = model.likelihood(z).log_prob(x).flatten(1).sum(1) + STANDARD.log_prob(z).sum(1)
        torch.testing.assert_close(log_w, joint - q.log_prob(z).sum(1))


def test_the_parts_of_the_divergence_sum_to_the_whole() -> None:
    q = Normal(randn(N, LATENT), randn(N, LATENT, seed=1).exp())
    z = q.rsample()
    whole = (q.log_prob(z) - STANDARD.log_prob(z)).sum(1).mean()
    for images in (N, 60_000):
        torch.testing.assert_close(sum(decompose(q, z, images)), whole)


def test_independent_latents_have_zero_total_correlation() -> None:
    """A posterior that does not depend on the image is a product of its latents."""
    q = Normal(torch.zeros(N, LATENT), torch.ones(N, LATENT))
    information, correlation, divergence = decompose(q, q.sample(), n_images=1)
    for part in (information, correlation, divergence):
        torch.testing.assert_close(part, torch.zeros(()), atol=1e-5, rtol=0)


def test_zero_capacity_is_the_beta_vae_of_higgins() -> None:
    ours, higgins = toy(BetaVAE, beta=4.0, capacity=0.0), toy(BetaVAE)
    fit(ours)
    adam = Adam(higgins.parameters(), lr=1e-3)
    torch.manual_seed(1)
    for x, _ in batches():
        log_likelihood, divergence = higgins.elbo_terms(x)
        adam.zero_grad()
        (4 * divergence - log_likelihood).mean().backward()
        adam.step()
    for ours_, theirs in zip(ours.parameters(), higgins.parameters(), strict=True):
        torch.testing.assert_close(ours_, theirs)


def test_mixture_log_prob_equals_a_loop() -> None:
    means, stds, z = randn(4, LATENT), randn(4, LATENT, seed=1).exp(), randn(5, LATENT, seed=2)
    each = torch.stack([gauss(z, m, s) for m, s in zip(means, stds, strict=True)])
    torch.testing.assert_close(mixture_log_prob(z, means, stds), each.exp().mean(0).log())


@torch.no_grad()
def test_the_divergence_of_the_only_pseudo_input_is_zero() -> None:
    model, (x, _) = toy(VampVAE, components=1).eval(), batches()[0]
    model.inputs.copy_(x[:1])
    _, divergence = model.elbo_terms(x[:1])
    torch.testing.assert_close(divergence, torch.zeros(1), atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_prior_samples_posteriors_of_pseudo_inputs() -> None:
    model = toy(VampVAE, components=4).eval()
    torch.testing.assert_close(model.prior(3, seed=5), model.prior(64, seed=5)[:3])
    q = model.posterior(model.pseudo_inputs())
    z = model.prior(20_000, seed=0)
    torch.testing.assert_close(z.mean(0), q.mean.mean(0), atol=0.05, rtol=0)
    spread = (q.variance + q.mean.square()).mean(0) - q.mean.mean(0).square()
    torch.testing.assert_close(z.var(0), spread, rtol=0.05, atol=0)


def test_mmd_equals_loops() -> None:
    a, b = randn(7, LATENT), 2 + randn(7, LATENT, seed=1)
    torch.testing.assert_close(maximum_mean_discrepancy(a, b), discrepancy(a, b))
    assert maximum_mean_discrepancy(a, b) > 0.3
    with pytest.raises(ValueError, match=r"codes.*got 1"):
        maximum_mean_discrepancy(a[:1], b[:1])


def test_mmd_of_equal_distributions_is_zero_on_average() -> None:
    estimates = torch.stack(
        [
            maximum_mean_discrepancy(
                randn(10, LATENT, seed=2 * i), randn(10, LATENT, seed=2 * i + 1)
            )
            for i in range(400)
        ]
    )
    assert abs(estimates.mean()) < 3 * estimates.std() / 20


@torch.no_grad()
def test_a_missing_label_costs_log_classes() -> None:
    model, (x, _) = toy(ConditionalVAE).eval(), batches()[0]
    y = model.infer_labels(x)
    torch.manual_seed(0)
    labeled = model.elbo_terms(x, y)
    torch.manual_seed(0)
    unlabeled = model.elbo_terms(x)
    torch.testing.assert_close(unlabeled[0], labeled[0])
    torch.testing.assert_close(unlabeled[1], labeled[1] + math.log(10))
    torch.testing.assert_close(model.encode(x), model.posterior(x, y).mean)


@torch.no_grad()
def test_inferred_labels_maximize_the_bound() -> None:
    model, (x, _) = toy(ConditionalVAE).eval(), batches()[0]

    def at_the_mean(y: int) -> Tensor:
        q = model.posterior(x, torch.full((N,), y))
        likelihood = model.log_likelihood(x, model.concat_labels(q.mean, torch.full((N,), y)))
        return likelihood - kl_divergence(q, STANDARD).sum(1)

    assert torch.equal(
        model.infer_labels(x), torch.stack([at_the_mean(y) for y in range(10)]).argmax(0)
    )


def test_samples_have_cyclic_or_given_labels() -> None:
    model = toy(ConditionalVAE)
    assert torch.equal(model.sample(20, 3), model.sample(20, 3, torch.arange(20) % 10))
    sevens = model.sample(20, 3, torch.full((20,), 7))
    assert torch.equal(sevens[17], model.sample(20, 3)[17])
    assert not torch.equal(sevens[3], model.sample(20, 3)[3])
    with pytest.raises(ZooError, match=r"labels.*got 0 to 10"):
        model.sample(2, 3, torch.tensor([0, 10]))


def test_data_without_labels_raises() -> None:
    with pytest.raises(ZooError, match=r"labels.*got .*\(12, 0\)"):
        fit(toy(ConditionalVAE), [(x, torch.zeros(N, 0)) for x, _ in batches()])


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameters_of_the_papers_perceptrons() -> None:
    """Kingma & Welling, 2013: 784-500-20; Burda et al., 2016: 784-200-200-50."""
    small = VAE(28, 1, latent=20, width=500, network="dense", likelihood="bernoulli")
    assert count(small.encoder) == 785 * 500 + 501 * 40
    assert count(small.decoder) == 21 * 500 + 501 * 784
    burda = IWAE()
    assert count(burda.encoder) == 785 * 200 + 201 * 200 + 201 * 100
    assert count(burda.decoder) == 51 * 200 + 201 * 200 + 201 * 784
    assert burda.sample(2).shape == (2, 1, 28, 28)
    norm = VAE(28, 1, latent=50, width=200, network="dense-2-norm")
    assert count(norm.encoder) == count(burda.encoder) + 2 * 200  # scale and shift for a bias
