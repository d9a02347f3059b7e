"""Training steps of the VAEs equal plain loops of their papers' algorithms."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal
from torch.optim import Adam
from toy_vaes import LATENT, STEPS, N, batches, discrepancy, fit, gauss, toy

from zoo.core.module import ZooModule
from zoo.vaes.beta_tc import BetaTCVAE
from zoo.vaes.beta_vae import BetaVAE
from zoo.vaes.conditional_vae import ConditionalVAE
from zoo.vaes.free_bits import FreeBitsVAE
from zoo.vaes.iwae import IWAE
from zoo.vaes.rae import RAE
from zoo.vaes.vae import VAE
from zoo.vaes.vamp import VampVAE
from zoo.vaes.wae import WAE
from zoo.vaes.warm_up import WarmUpVAE


def wae() -> WAE:
    torch.manual_seed(0)
    return WAE(size=8, channels=1, latent=LATENT, width=8, mmd_weight=7.0)


def rae() -> RAE:
    torch.manual_seed(0)
    return RAE(size=8, channels=1, latent=LATENT, width=8, shrinkage=0.3, decay=0.2)


def moments(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = model.encoder(x).chunk(2, dim=1)
    return mean, (log_variance / 2).exp()


def kl(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(mean, std^2) || N(0, 1)) of each latent: (n, latent)."""
    return (std**2 + mean**2 - 1) / 2 - std.log()


def burgess_2018(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    mean, std = moments(model, x)
    z = mean + std * torch.randn(N, LATENT)
    C = min(1, step / 4) * 5.0
    log_likelihood = gauss(x, model.decoder(z).tanh(), 0.1).mean()
    return 10 * (kl(mean, std).sum(1).mean() - C).abs() - log_likelihood


def sonderby_2016(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    mean, std = moments(model, x)
    z = mean + std * torch.randn(N, LATENT)
    log_likelihood = gauss(x, model.decoder(z).tanh(), 0.1).mean()
    return min(1, step / 4) * kl(mean, std).sum(1).mean() - log_likelihood


def kingma_2016(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    mean, std = moments(model, x)
    z = mean + std * torch.randn(N, LATENT)
    divergence = sum(torch.maximum(torch.tensor(0.7), d) for d in kl(mean, std).mean(0))
    return divergence - gauss(x, model.decoder(z).tanh(), 0.1).mean()


def chen_2018(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    """Equations 4 and 5 by loops over pairs; an epoch has N M images."""
    mean, std = moments(model, x)
    z = mean + std * torch.randn(N, LATENT)
    log_nm = math.log(N * STEPS * N)
    log_q, log_product = [], []
    for i in range(N):
        pairs = torch.stack([Normal(mean[j], std[j]).log_prob(z[i]) for j in range(N)])
        log_q += [pairs.sum(1).logsumexp(0) - log_nm]
        log_product += [sum(pairs[:, d].logsumexp(0) - log_nm for d in range(LATENT))]
    own, marginal, product = gauss(z, mean, std), torch.stack(log_q), torch.stack(log_product)
    parts = (own - marginal) + 4 * (marginal - product) + product - gauss(z, torch.zeros(()), 1.0)
    return parts.mean() - gauss(x, model.decoder(z).tanh(), 0.1).mean()


def burda_2016(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    """The gradient of equation 14: log-weights, weighted by their normalized weights."""
    mean, std = moments(model, x)
    z = mean + std * torch.randn(5, N, LATENT)
    images = model.decoder(z.flatten(0, 1)).tanh().view(5, N, 1, 8, 8)
    log_w = torch.stack(
        [
            gauss(x, images[k], 0.1) + gauss(z[k], torch.zeros(()), 1.0) - gauss(z[k], mean, std)
            for k in range(5)
        ]
    )
    return -(log_w.detach().softmax(0) * log_w).sum(0).mean()


def tomczak_2018(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    assert isinstance(model, VampVAE)
    mean, std = moments(model, torch.cat([x, model.inputs.clamp(-1, 1)]))
    z = mean[:N] + std[:N] * torch.randn(N, LATENT)
    each = torch.stack([gauss(z, m, s) for m, s in zip(mean[N:], std[N:], strict=True)])
    log_p = (each.exp().sum(0) / 4).log()
    log_likelihood = gauss(x, model.decoder(z).tanh(), 0.1)
    return (gauss(z, mean[:N], std[:N]) - log_p - log_likelihood).mean()


def sohn_2015(model: VAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    one_hot = torch.eye(10)[y]
    mean, std = moments(model, torch.cat([x, one_hot[:, :, None, None].expand(N, 10, 8, 8)], 1))
    z = mean + std * torch.randn(N, LATENT)
    images = model.decoder(torch.cat([z, one_hot], 1)).tanh()
    return kl(mean, std).sum(1).mean() - gauss(x, images, 0.1).mean()


def tolstikhin_2018(model: WAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    z = model.encoder(x)
    cost = (model.decoder(z) - x).square().sum() / N
    return cost + 7 * discrepancy(torch.randn(N, LATENT), z)


def ghosh_2020(model: RAE, x: Tensor, y: Tensor, step: int) -> Tensor:
    z = model.encoder(x)
    weights = sum(p.square().sum() for p in model.decoder.parameters())
    return ((model.decoder(z) - x).square().sum() + 0.3 / 2 * z.square().sum()) / N + 0.2 * weights


PAPERS = [
    (lambda: toy(BetaVAE, beta=10.0, capacity=5.0, warm_up_steps=4), burgess_2018),
    (lambda: toy(WarmUpVAE, warm_up_steps=4), sonderby_2016),
    (lambda: toy(FreeBitsVAE, free=0.7), kingma_2016),
    (lambda: toy(BetaTCVAE, beta=4.0), chen_2018),
    (lambda: toy(IWAE, network="convolutional", importance_samples=5), burda_2016),
    (lambda: toy(VampVAE, components=4), tomczak_2018),
    (lambda: toy(ConditionalVAE), sohn_2015),
    (wae, tolstikhin_2018),
    (rae, ghosh_2020),
]


Paper = Callable[[ZooModule, Tensor, Tensor, int], Tensor]


@pytest.mark.parametrize(("build", "paper"), PAPERS, ids=[paper.__name__ for _, paper in PAPERS])
def test_an_epoch_equals_the_papers_algorithm(build: Callable[[], ZooModule], paper: Paper) -> None:
    ours, by_hand = build(), build()
    fit(ours)
    torch.manual_seed(1)
    adam = Adam(
        by_hand.parameters(), lr=1e-3, betas=(0.5 if paper is tolstikhin_2018 else 0.9, 0.999)
    )
    for step, (x, y) in enumerate(batches()):
        adam.zero_grad()
        paper(by_hand, x, y, step).backward()
        adam.step()
    fresh = build().state_dict()
    for name, value in by_hand.named_parameters():
        moved = (value - fresh[name]).abs().max()
        assert (ours.state_dict()[name] - value).abs().max() <= 0.02 * moved, name
