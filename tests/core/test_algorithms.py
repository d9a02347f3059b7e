"""Training steps of DCGAN, WGAN-GP and VAE equal plain loops of their papers' algorithms."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from loops import BATCHES, SIZE, Batch, assert_same, descend, digits, fit, one_thread
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from zoo.core.module import ZooModule, enable_fused_optimizers
from zoo.errors import BadRecipe
from zoo.gans.dcgan import DCGAN
from zoo.gans.wgan_gp import WGANGP
from zoo.vaes.vae import VAE

__all__ = ["one_thread"]  # a fixture of all tests of this file


def dcgan() -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(size=8, channels=1, latent=6, width=8)


def wgan_gp() -> WGANGP:
    torch.manual_seed(0)
    return WGANGP(size=8, channels=1, latent=6, width=8)


def vae() -> VAE:
    torch.manual_seed(0)
    return VAE(size=8, channels=1, latent=3, width=8)


def test_fused_adam_equals_adam() -> None:
    """For both memory layouts; a checkpoint's setting is kept."""
    x = torch.randn(8, 3, 8, 8)
    for layout in torch.contiguous_format, torch.channels_last:
        plain = nn.Conv2d(3, 6, 4).to(memory_format=layout)
        fused = deepcopy(plain)
        one, other = (Adam(net.parameters(), lr=1e-2) for net in (plain, fused))
        enable_fused_optimizers([other])
        for _ in range(5):
            descend(one, plain(x).square().mean())
            descend(other, fused(x).square().mean())
        assert other.param_groups[0]["fused"]
        torch.testing.assert_close(fused.weight, plain.weight, rtol=0, atol=1e-6)
        other.load_state_dict(one.state_dict())
        assert not other.param_groups[0]["fused"]


def goodfellow_2014(model: DCGAN) -> None:
    """Algorithm 1 with k = 1; both players use the same fakes, as in the authors' code."""
    D, G = model.discriminator, model.generator
    adam_d = Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    adam_g = Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    for x, _ in digits():
        fake = G(torch.randn(len(x), 6))
        descend(adam_d, softplus(-D(x)).mean() + softplus(D(fake.detach())).mean())
        D.requires_grad_(False)
        descend(adam_g, softplus(-D(fake)).mean())
        D.requires_grad_(True)


def gulrajani_2017(model: WGANGP) -> None:
    """Algorithm 1 with five critic steps, each on its own images."""
    D, G = model.critic, model.generator
    adam_d = Adam(D.parameters(), lr=1e-4, betas=(0.0, 0.9), fused=True)
    adam_g = Adam(G.parameters(), lr=1e-4, betas=(0.0, 0.9), fused=True)
    for images, _ in digits():
        for x in images.split(SIZE // 5):
            with torch.no_grad():
                fake = G(torch.randn(len(x), 6))
            epsilon = torch.rand(len(x), 1, 1, 1)
            between = x.lerp(fake, epsilon).requires_grad_()
            (grad,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
            penalty = 10 * (grad.flatten(1).norm(dim=1) - 1).square().mean()
            descend(adam_d, D(x).mean().neg() + D(fake).mean() + penalty)
        D.requires_grad_(False)
        descend(adam_g, -D(G(torch.randn(SIZE // 5, 6))).mean())
        D.requires_grad_(True)


def kingma_2013(model: VAE) -> None:
    """Descend KL(q || p) - E_q log p(x | z) with the reparameterization of section 2.4."""
    adam = Adam(model.parameters(), lr=1e-3, fused=True)
    for x, _ in digits():
        mean, log_variance = model.encoder(x).chunk(2, dim=1)
        std = (log_variance / 2).exp()
        z = mean + torch.randn(len(x), 3) * std
        likelihood = torch.distributions.Normal(model.decoder(z).tanh(), 0.1)
        log_likelihood = likelihood.log_prob(x).flatten(1).sum(1).mean()
        variance = std.square()
        divergence = 0.5 * (variance + mean.square() - 1 - variance.log()).sum(1).mean()
        descend(adam, divergence - log_likelihood)


ADVERSARIAL = [(dcgan, goodfellow_2014), (wgan_gp, gulrajani_2017)]


@pytest.mark.parametrize(("build", "algorithm"), [*ADVERSARIAL, (vae, kingma_2013)])
def test_an_epoch_equals_the_papers_algorithm(
    build: Callable[[], ZooModule], algorithm: Callable[[ZooModule], None]
) -> None:
    ours, by_hand = build(), build()
    fit(ours)
    torch.manual_seed(1)
    algorithm(by_hand)
    assert_same(ours.state_dict(), by_hand.state_dict())
    fresh = build().state_dict()
    assert not any(torch.equal(p, fresh[n]) for n, p in ours.named_parameters() if p.ndim > 1)


@pytest.mark.parametrize("build", [dcgan, wgan_gp, vae])
def test_a_training_step_is_one_global_step(build: Callable[[], ZooModule]) -> None:
    assert fit(build()).global_step == BATCHES


@pytest.mark.parametrize("build", [dcgan, wgan_gp, vae])
def test_max_steps_counts_batches(build: Callable[[], ZooModule]) -> None:
    model = build()
    assert fit(model, epochs=-1, steps=BATCHES + 3).global_step == BATCHES + 3
    assert model.images_seen == (BATCHES + 3) * SIZE


@pytest.mark.parametrize("build", [dcgan, wgan_gp, vae])
def test_a_checkpoint_is_plain_data_and_continues_the_counts(
    build: Callable[[], ZooModule], tmp_path: Path
) -> None:
    model, again = build(), build()
    fit(model).save_checkpoint(tmp_path / "one.ckpt")
    checkpoint = torch.load(tmp_path / "one.ckpt", weights_only=True)
    assert checkpoint["images_seen"] == model.images_seen == BATCHES * SIZE
    assert checkpoint["global_step"] == BATCHES
    assert_same(checkpoint["state_dict"], model.state_dict())
    trainer = fit(again, epochs=2, resume=tmp_path / "one.ckpt")
    assert (again.images_seen, trainer.global_step) == (2 * BATCHES * SIZE, 2 * BATCHES)


class Average(Callback):
    """Exponential moving average of the weights, in plain code."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {}

    def on_train_batch_end(
        self, trainer: Trainer, model: LightningModule, outputs: object, batch: Batch, index: int
    ) -> None:
        for name, weight in model.named_parameters():
            average = self.weights.get(name, weight.detach())
            self.weights[name] = self.decay * average + (1 - self.decay) * weight.detach()


@pytest.mark.parametrize("build", [dcgan, wgan_gp, vae])
def test_a_checkpoint_holds_the_average_of_every_step(
    build: Callable[[], ZooModule], tmp_path: Path
) -> None:
    average, saved = Average(0.9), ModelCheckpoint(tmp_path, save_last=True)
    fit(build(), callbacks=[EMAWeightAveraging(decay=0.9), average, saved])
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    for name, weight in average.weights.items():
        torch.testing.assert_close(checkpoint["state_dict"][name], weight)
        moved = not torch.equal(checkpoint["current_model_state"][name], weight)
        assert moved or weight.ndim == 1  # some biases have no gradient


class Reseed(Callback):
    """Seeds each epoch, because a checkpoint does not store the random generator."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.manual_seed(trainer.current_epoch)


@pytest.mark.parametrize("build", [dcgan, wgan_gp, vae])
def test_a_resumed_training_equals_an_uninterrupted_one(
    build: Callable[[], ZooModule], tmp_path: Path
) -> None:
    whole, half, rest = build(), build(), build()
    for model, folder, epochs in (whole, "whole", 2), (half, "half", 1), (rest, "rest", 2):
        saved = ModelCheckpoint(tmp_path / folder, save_last=True)
        resume = tmp_path / "half" / "last.ckpt" if model is rest else None
        fit(
            model, epochs, callbacks=[EMAWeightAveraging(decay=0.9), Reseed(), saved], resume=resume
        )
    one, two = (
        torch.load(tmp_path / folder / "last.ckpt", weights_only=True)
        for folder in ("whole", "rest")
    )
    assert_same(one["current_model_state"], two["current_model_state"])
    assert_same(one["state_dict"], two["state_dict"])
    assert_same(whole.state_dict(), rest.state_dict())


class Turns(DCGAN):
    """Samples fakes within a turn, and checks which players are frozen and updated."""

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        D, G = self.discriminator, self.generator
        for player, mover, frozen in ("discriminator", D, G), ("generator", G, D):
            self.zero_grad()
            with self.turn(player) as descend:
                assert [trainable(mover), trainable(frozen)] == [{True}, {False}]
                before = [p.clone() for p in frozen.parameters()]
                descend(softplus(D(G(self.prior(4)))).mean())
                assert all(p.grad is None for p in frozen.parameters())
                assert all(p.grad is not None for p in mover.parameters())
                assert all(map(torch.equal, before, frozen.parameters()))
            assert [trainable(mover), trainable(frozen)] == [{True}, {True}]


def trainable(network: nn.Module) -> set[bool]:
    return {p.requires_grad for p in network.parameters()}


def test_other_players_are_frozen_in_a_turn() -> None:
    fit(Turns(size=8, channels=1, latent=6, width=8))


def test_the_generators_turn_adds_no_gradient_to_the_discriminator() -> None:
    model = dcgan()
    fit(model, steps=1)
    x, fake = digits()[0][0], dcgan()
    torch.manual_seed(1)
    D, G = fake.discriminator, fake.generator
    (softplus(-D(x)).mean() + softplus(D(G(torch.randn(len(x), 6)).detach())).mean()).backward()
    for ours, alone in zip(model.discriminator.parameters(), D.parameters(), strict=True):
        assert ours.grad is not None
        assert alone.grad is not None
        assert torch.equal(ours.grad, alone.grad)  # the discriminator's own turn, and no more


def test_a_batch_that_does_not_split_into_critic_steps_raises() -> None:
    with pytest.raises(BadRecipe, match=r"batch_size.*5, got 12"):
        fit(wgan_gp(), batch_size=12)
