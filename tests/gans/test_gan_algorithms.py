"""Training steps of the GANs equal plain loops of their papers' algorithms, bit by bit."""

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from loops import SIZE, Batch, assert_same, descend, digits, fit, one_thread
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import cross_entropy, relu, softplus
from torch.optim import SGD, Adam, Optimizer, RMSprop
from torch.utils.data import IterableDataset

from zoo.core.adversarial import AdversarialModule
from zoo.gans.acgan import ACGAN
from zoo.gans.adversarial_autoencoder import AdversarialAutoencoder
from zoo.gans.bigan import BiGAN
from zoo.gans.conditional_gan import ConditionalGAN
from zoo.gans.dragan import DRAGAN
from zoo.gans.gan import GAN
from zoo.gans.geometric_gan import GeometricGAN
from zoo.gans.infogan import InfoGAN
from zoo.gans.lsgan import LSGAN
from zoo.gans.projection_gan import ProjectionGAN
from zoo.gans.ragan import RaGAN
from zoo.gans.sagan import SAGAN
from zoo.gans.sngan import SNGAN
from zoo.gans.vae_gan import VAEGAN
from zoo.gans.wgan import WGAN

__all__ = ["one_thread"]  # for every test of this file too
TOY = {"size": 8, "channels": 1, "width": 8}


def labeled() -> list[Batch]:
    return [(x, torch.arange(len(x)) % 3) for x, _ in digits()]


def freeze(*players: nn.Module) -> Callable[[], None]:
    """Freeze players; the returned function unfreezes them."""
    weights = [w for player in players for w in player.parameters()]
    for w in weights:
        w.requires_grad_(False)
    return lambda: [w.requires_grad_(True) for w in weights] and None


def adam(*players: nn.Module, lr: float = 2e-4, betas: tuple[float, float] = (0.5, 0.999)) -> Adam:
    weights = [w for player in players for w in player.parameters()]
    return Adam(weights, lr=lr, betas=betas, fused=True)


def goodfellow_2014(model: GAN) -> None:
    D, G = model.discriminator, model.generator
    one, two = (SGD(p.parameters(), fused=True) for p in (D, G))
    for step, (x, _) in enumerate(digits()):
        lr, momentum = 0.1 * 1.1**-step, 0.5 + (0.7 - 0.5) * (step / len(labeled()))
        update(one, lr=lr * min(1, (step + 1) / 3), momentum=momentum)
        update(two, lr=lr, momentum=momentum)
        for real in x.chunk(2):
            with torch.no_grad():
                fake = G(torch.randn(len(real), 100))
            descend(one, softplus(-D(real)).mean() + softplus(D(fake)).mean())
            apply_max_norm(D)
        unfreeze = freeze(D)
        descend(two, -softplus(D(G(torch.randn(SIZE // 2, 100)))).mean())
        unfreeze()


def update(*players: Optimizer, **settings: float) -> None:
    for player in players:
        player.param_groups[0].update(settings)


@torch.no_grad()
def apply_max_norm(critic: nn.Module) -> None:
    """Max-norm of the authors' code: no unit's weights have a norm above 1.9365."""
    for layer in critic.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.renorm_(2, 0, 1.9365)


def alternate(model: AdversarialModule, first: Callable, second: Callable) -> None:
    """Train the players of DCGAN in turns with given losses."""
    D, G = model.discriminator, model.generator
    one, two = adam(D), adam(G)
    for x, _ in digits():
        fake = G(torch.randn(len(x), 100))
        descend(one, first(D(x), D(fake.detach())))
        unfreeze = freeze(D)
        both = second.__code__.co_argcount == 2
        descend(two, second(D(x), D(fake)) if both else second(D(fake)))
        unfreeze()


def mao_2016(model: LSGAN) -> None:
    alternate(
        model,
        lambda r, f: ((r - 1).square().mean() + f.square().mean()) / 2,
        lambda f: (f - 1).square().mean() / 2,
    )


def lim_2017(model: GeometricGAN) -> None:
    alternate(model, lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(), lambda f: -f.mean())


def jolicoeur_martineau_2018(model: RaGAN) -> None:
    alternate(
        model,
        lambda r, f: softplus(f.mean() - r).mean() + softplus(f - r.mean()).mean(),
        lambda r, f: softplus(r.mean() - f).mean() + softplus(r - f.mean()).mean(),
    )


def arjovsky_2017(model: WGAN) -> None:
    D, G = model.critic, model.generator
    one, two = (RMSprop(p.parameters(), lr=5e-5) for p in (D, G))
    for images, _ in digits():
        for x in images.chunk(5):
            with torch.no_grad():
                fake = G(torch.randn(len(x), 100))
            descend(one, D(fake).mean() - D(x).mean())
            with torch.no_grad():
                for w in D.parameters():
                    w.clamp_(-0.01, 0.01)
        unfreeze = freeze(D)
        descend(two, -D(G(torch.randn(SIZE // 5, 100))).mean())
        unfreeze()


def kodali_2017(model: DRAGAN) -> None:
    D, G = model.discriminator, model.generator
    one, two = adam(D), adam(G)
    for x, _ in digits():
        fake = G(torch.randn(len(x), 100))
        noise = x.std() / 2 * torch.rand_like(x)
        near = (x + torch.rand(len(x), 1, 1, 1) * noise).requires_grad_()
        (grad,) = torch.autograd.grad(D(near).sum(), near, create_graph=True)
        penalty = 10 * (grad.flatten(1).norm(dim=1) - 1).square().mean()
        descend(one, softplus(-D(x)).mean() + softplus(D(fake.detach())).mean() + penalty)
        unfreeze = freeze(D)
        descend(two, softplus(-D(fake)).mean())
        unfreeze()


def miyato_2018(model: SNGAN | ProjectionGAN) -> None:
    """Algorithm 1, with one power iteration for each update."""
    D, G = model.discriminator, model.generator
    one, two = adam(D, betas=(0.0, 0.9)), adam(G, betas=(0.0, 0.9))
    conditional = isinstance(model, ProjectionGAN)
    for images, labels in labeled():
        for x, y in zip(images.chunk(5), labels.chunk(5), strict=True):
            y_ = (y,) if conditional else ()
            with torch.nn.utils.parametrize.cached():
                normalize_weights(D)
                with torch.no_grad():
                    fake = G(torch.randn(len(x), 128), *y_)
                descend(one, relu(1 - D(x, *y_)).mean() + relu(1 + D(fake, *y_)).mean())
        unfreeze = freeze(D)
        with torch.nn.utils.parametrize.cached():
            normalize_weights(D)
            if conditional:
                descend(two, -D(G(torch.randn(len(y), 128), y), y).mean())
            else:
                descend(two, -D(G(torch.randn(2 * len(x), 128))).mean())
        unfreeze()


def normalize_weights(critic: nn.Module) -> None:
    for layer in critic.modules():
        if hasattr(layer, "parametrizations"):
            _ = layer.weight


def mirza_2014(model: ConditionalGAN) -> None:
    D, G = model.discriminator, model.generator
    one, two = (SGD(p.parameters(), fused=True) for p in (D, G))
    for step, (x, y) in enumerate(labeled()):
        momentum = 0.5 + (0.7 - 0.5) * (step / len(labeled()))
        update(one, two, lr=0.1 * 1.1**-step, momentum=momentum)
        fake = G(torch.randn(len(x), 100), y)
        descend(one, softplus(-D(x, y)).mean() + softplus(D(fake.detach(), y)).mean())
        apply_max_norm(D)
        unfreeze = freeze(D)
        descend(two, softplus(-D(fake, y)).mean())
        unfreeze()


def odena_2017(model: ACGAN) -> None:
    D, G = model.discriminator, model.generator
    one, two = adam(D), adam(G)
    for x, y in labeled():
        fake = G(torch.randn(len(x), 100), y)
        (r, r_class), (f, f_class) = D(x), D(fake.detach())
        classes = cross_entropy(r_class, y) + cross_entropy(f_class, y)
        descend(one, softplus(-r).mean() + softplus(f).mean() + classes)
        unfreeze = freeze(D)
        f, f_class = D(fake)
        descend(two, softplus(-f).mean() + cross_entropy(f_class, y))
        unfreeze()


def larsen_2016(model: VAEGAN) -> None:
    E, G, D = model.encoder, model.generator, model.discriminator
    of_E, of_G, of_D = (RMSprop(p.parameters(), lr=3e-4) for p in (E, G, D))

    def posterior(x: Tensor) -> Normal:
        mean, log_variance = E(x).chunk(2, 1)
        return Normal(mean, (log_variance / 2).exp())

    def feature_error(a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().sum(1).mean() / 2

    for x, _ in digits():
        unfreeze = freeze(G, D)
        q = posterior(x)
        prior = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
        descend(of_E, prior + feature_error(D(G(q.rsample()))[1], D(x)[1]))
        unfreeze()
        z = posterior(x).sample()
        x_hat, fake = G(z), G(torch.randn(len(x), 128))
        unfreeze = freeze(E, D)
        (a, features), (f, _) = D(x_hat), D(fake)
        adversarial = softplus(-a).mean() + softplus(-f).mean()
        descend(of_G, 1e-3 * feature_error(features, D(x)[1]) + adversarial)
        unfreeze()
        r, a, f = (D(images.detach())[0] for images in (x, x_hat, fake))
        descend(of_D, softplus(-r).mean() + softplus(a).mean() + softplus(f).mean())


def makhzani_2015(model: AdversarialAutoencoder) -> None:
    E, G, D = model.encoder, model.generator, model.discriminator
    autoencoder, of_D, of_E = adam(E, G, betas=(0.9, 0.999)), adam(D), adam(E)
    for step, (x, _) in enumerate(digits()):
        decay = 1 - step / len(labeled())
        update(autoencoder, lr=(1e-3 * decay + 2e-4 * (1 - decay)) * decay)
        update(of_D, lr=1e-3 * decay)
        update(of_E, lr=2e-4 * decay)
        descend(autoencoder, (G(E(x)) - x).square().mean())
        with torch.no_grad():
            z = torch.randn(len(x), 8)
            codes = E(x)
        descend(of_D, softplus(-D(z)).mean() + softplus(D(codes)).mean())
        unfreeze = freeze(D)
        descend(of_E, softplus(-D(E(x))).mean())
        unfreeze()


def donahue_2017(model: BiGAN) -> None:
    E, G, D = model.encoder, model.generator, model.discriminator
    one, two = adam(D), adam(G, E)
    for x, _ in digits():
        z = torch.randn(len(x), 50)
        code, fake = E(x), G(z)
        descend(one, softplus(-D(x, code.detach())).mean() + softplus(D(fake.detach(), z)).mean())
        unfreeze = freeze(D)
        descend(two, softplus(-D(fake, z)).mean() + softplus(D(x, code)).mean())
        unfreeze()


def chen_2016(model: InfoGAN) -> None:
    D, G = model.discriminator, model.generator
    one, two = adam(D), adam(G, lr=1e-3)
    for x, _ in digits():
        z = model.prior(len(x))
        category, c = z[:, 62:72].argmax(1), z[:, 72:]
        fake = G(z)

        def bound(code: Tensor, category: Tensor = category, c: Tensor = c) -> Tensor:
            q = Normal(code[:, 10:12], code[:, 12:].clamp(-5, 5).exp())
            categorical = math.log(10) - cross_entropy(code[:, :10], category)
            continuous = 2 * math.log(2) + q.log_prob(c).sum(1).mean()
            return categorical + 0.1 * continuous

        (r, _), (f, code) = D(x), D(fake.detach())
        descend(one, softplus(-r).mean() + softplus(f).mean() - bound(code))
        unfreeze = freeze(D)
        f, code = D(fake)
        descend(two, softplus(-f).mean() - bound(code))
        unfreeze()


def zhang_2019(model: SAGAN) -> None:
    """One step of each player, with spectral norm in both."""
    D, G = model.discriminator, model.generator
    one = adam(D, lr=4e-4, betas=(0.0, 0.9))
    two = adam(G, lr=1e-4, betas=(0.0, 0.9))
    for x, _ in digits():
        with torch.nn.utils.parametrize.cached():
            normalize_weights(G)
            fake = G(torch.randn(len(x), 128))
        with torch.nn.utils.parametrize.cached():
            normalize_weights(D)
            descend(one, relu(1 - D(x)).mean() + relu(1 + D(fake.detach())).mean())
        unfreeze = freeze(D)
        with torch.nn.utils.parametrize.cached():
            normalize_weights(D)
            descend(two, -D(fake).mean())
        unfreeze()


CASES = [
    (
        GAN,
        {"loss": "minimax", "discriminator_steps": 2, "decay": 1.1, "warm_up_steps": 2},
        goodfellow_2014,
    ),
    (LSGAN, {}, mao_2016),
    (GeometricGAN, {}, lim_2017),
    (RaGAN, {}, jolicoeur_martineau_2018),
    (WGAN, {}, arjovsky_2017),
    (DRAGAN, {}, kodali_2017),
    (SNGAN, {"discriminator_width": 8}, miyato_2018),
    (ProjectionGAN, {"discriminator_width": 8, "classes": 3}, miyato_2018),
    (SAGAN, {"discriminator_width": 8}, zhang_2019),
    (InfoGAN, {}, chen_2016),
    (ConditionalGAN, {"classes": 3, "decay": 1.1}, mirza_2014),
    (ACGAN, {"classes": 3}, odena_2017),
    (VAEGAN, {}, larsen_2016),
    (AdversarialAutoencoder, {}, makhzani_2015),
    (BiGAN, {}, donahue_2017),
]


@pytest.mark.parametrize(("family", "arguments", "algorithm"), CASES)
def test_an_epoch_equals_the_papers_algorithm(
    family: type[AdversarialModule], arguments: dict, algorithm: Callable
) -> None:
    def build() -> AdversarialModule:
        torch.manual_seed(0)
        model = family(**TOY, **arguments)
        if isinstance(model, GAN | ConditionalGAN):  # so that max-norm has an effect
            for weight in model.discriminator.parameters():
                weight.data.mul_(100)
        return model

    ours, by_hand = build(), build()
    trainer = fit(ours, batches=labeled())
    torch.manual_seed(1)
    algorithm(by_hand)
    assert_same(ours.state_dict(), by_hand.state_dict())
    assert trainer.global_step == len(labeled())
    fresh = build()
    for name, player in ours.named_children():
        before = dict(fresh.get_submodule(name).named_parameters())
        assert any(not torch.equal(p, before[n]) for n, p in player.named_parameters()), name


class Stream(IterableDataset):
    """Batches without a length, so that the number of steps of an epoch is unknown."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(labeled())


def test_learning_rates_are_constant_without_a_known_end() -> None:
    trainer = fit(AdversarialAutoencoder(**TOY), batches=Stream())
    assert trainer.global_step == len(labeled())
    rates = [player.param_groups[0]["lr"] for player in trainer.optimizers]
    assert rates == [1e-3, 1e-3, 2e-4]


def test_momentum_is_constant_without_a_known_end() -> None:
    trainer = fit(GAN(**TOY), batches=Stream())
    assert trainer.global_step == len(labeled())
    assert [player.param_groups[0]["momentum"] for player in trainer.optimizers] == [0.5, 0.5]
