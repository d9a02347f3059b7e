"""PixelCNN, and the autoencoders whose codes it learns."""

from collections.abc import Callable
from itertools import product
from math import cos, pi
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from test_algorithms import BATCHES, assert_same, descend, digits, fit
from torch import Tensor, nn
from torch.nn.functional import log_softmax
from torch.optim import Adam

from zoo.core.protocols import Quantizes
from zoo.errors import BadRecipe
from zoo.vaes.pixel_cnn import PixelCNN
from zoo.vaes.quantized import QuantizedModel
from zoo.vaes.vq_vae import VQVAE
from zoo.vaes.vq_vae_2 import VQVAE2


def pixel_cnn(codes: int, side: int, depth: int = 2) -> PixelCNN:
    """With weights that say something."""
    torch.manual_seed(0)
    network = PixelCNN(codes, side, 8, depth)
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.3)
    return network.requires_grad_(False)


def every_grid(codes: int, side: int) -> Tensor:
    cells = product(range(codes), repeat=side * side)
    return torch.tensor(list(cells)).unflatten(1, (side, side))


@pytest.mark.parametrize("told", [False, True])
def test_a_code_hears_of_all_before_it_and_of_none_after(told: bool) -> None:
    """The gradient of each position by each other: no blind spot, no look ahead."""
    network = pixel_cnn(3, 4, depth=4).double()
    given = torch.randn(1, 8, 4, 4).double() if told else None
    known = network.embed(torch.randint(3, (1, 4, 4))).requires_grad_()
    logits = network.run_horizontal(known, network.run_vertical(known, given)).flatten(2)
    for i in range(16):
        (slope,) = torch.autograd.grad(logits[:, :, i].square().sum(), known, retain_graph=True)
        heard = slope.abs().sum((0, 1)).flatten() > 0
        assert heard.tolist() == [j < i for j in range(16)]


@pytest.mark.parametrize("told", [False, True])
def test_the_probabilities_of_all_grids_sum_to_one(told: bool) -> None:
    network, grids = pixel_cnn(3, 2), every_grid(3, 2)
    given = torch.randn(1, 8, 2, 2).expand(81, -1, -1, -1) if told else None
    nats = network.code_nll(grids, given)
    assert float(nats.neg().exp().sum()) == pytest.approx(1)
    assert nats.std() > 0.1


def test_grids_are_drawn_one_code_after_another() -> None:
    """Row by row is the plain loop, which looks at all for each code."""
    network, given = pixel_cnn(5, 4), torch.randn(6, 8, 4, 4)
    chances = torch.rand(6, 4, 4)
    codes = torch.zeros(6, 4, 4, dtype=torch.long)
    for i, j in product(range(4), repeat=2):
        p = network(codes, given)[:, :, i, j].double().softmax(1)
        codes[:, i, j] = (p.cumsum(1) <= chances[:, i, j, None]).sum(1)
    assert torch.equal(network.sample_indices(chances, given), codes)


def test_draws_are_of_the_networks_distribution() -> None:
    network, grids, n = pixel_cnn(2, 2), every_grid(2, 2), 20_000
    drawn = network.sample_indices(torch.rand(n, 2, 2)).flatten(1) @ torch.tensor([8, 4, 2, 1])
    p = network.code_nll(grids).neg().exp()
    found = torch.bincount(drawn, minlength=16) / n
    assert ((found - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_a_chance_of_almost_one_is_a_code() -> None:
    chances = torch.full((2, 2, 2), 1 - 2**-24)
    assert pixel_cnn(3, 2).sample_indices(chances).max() <= 2


def vq_vae() -> QuantizedModel:
    torch.manual_seed(0)
    return VQVAE(size=16, channels=1, width=8, codebook=6, dim=4, depth=3)


def vq_vae_2() -> QuantizedModel:
    torch.manual_seed(0)
    return VQVAE2(size=16, channels=1, width=8, codebook=6, dim=4, depth=3)


MODELS = pytest.mark.parametrize("build", [vq_vae, vq_vae_2])
Build = Callable[[], QuantizedModel]


def images(n: int) -> Tensor:
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@MODELS
def test_what_goes_in_and_out(build: Build) -> None:
    model, x = build(), images(3)
    codes, z = model.encode_indices(x), model.encode(x)
    assert isinstance(model, Quantizes)
    assert (codes.shape, codes.dtype) == ((3, model.positions), torch.int64)
    assert 0 <= codes.min() <= codes.max() < model.codebook_size
    assert z.shape == (3, 4 * model.positions)
    assert model.reconstruct(x).shape == x.shape
    assert model.reconstruct(x).abs().max() <= 1
    assert torch.equal(model.decode(z), model.reconstruct(x))
    assert torch.equal(model.decode(model.embed_indices(codes)), model.reconstruct(x))


def test_the_second_levels_codes_count_on() -> None:
    model = vq_vae_2()
    assert isinstance(model, VQVAE2)
    top, bottom = torch.randint(6, (5, 2, 2)), torch.randint(6, (5, 4, 4))
    codes = model.join_levels(top, bottom)
    assert torch.equal(codes, torch.cat([top.flatten(1), 6 + bottom.flatten(1)], dim=1))
    assert all(map(torch.equal, model.split_levels(codes), (top, bottom)))
    seen = model.encode_indices(images(9))
    assert (model.codebook_size, seen.shape) == (12, (9, 4 + 16))
    assert seen[:, :4].max() < 6 <= seen[:, 4:].min()


@MODELS
@pytest.mark.parametrize("n", [1, 17, 63])
def test_fewer_samples_are_the_first_of_more(build: Build, n: int) -> None:
    model = build()
    few, many = model.sample(n, seed=3), model.sample(64, seed=3)
    torch.testing.assert_close(few, many[:n], rtol=0, atol=1e-6)
    assert not torch.equal(many, model.sample(64, seed=4))


@MODELS
def test_a_seed_leaves_the_global_generator_alone(build: Build) -> None:
    model, before = build(), torch.get_rng_state()
    model.sample(3, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(model.sample(3), model.sample(3))


@MODELS
def test_sampling_changes_nothing(build: Build) -> None:
    model = build().train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    drawn = model.sample(300)
    assert (drawn.shape, drawn.dtype, drawn.requires_grad) == (
        (300, 1, 16, 16),
        torch.float32,
        False,
    )
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert {module.training for module in model.modules()} == {True}


def small_vq_vae() -> QuantizedModel:
    torch.manual_seed(0)
    return VQVAE(size=8, channels=1, width=8, codebook=6, dim=4, depth=2, lr=1e-2)


def small_vq_vae_2() -> QuantizedModel:
    torch.manual_seed(0)
    return VQVAE2(size=8, channels=1, width=16, codebook=6, dim=4, depth=2, lr=1e-2)


SMALL = pytest.mark.parametrize("build", [small_vq_vae, small_vq_vae_2])


def error(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum() / len(a)


def surprise(logits: Tensor, codes: Tensor) -> Tensor:
    return -log_softmax(logits, dim=1).gather(1, codes.unsqueeze(1)).sum() / len(codes)


def oord_2017(model: VQVAE, x: Tensor, learns_codes: bool) -> Tensor:
    """Equation 3, then the prior of section 3.3."""
    z = model.encoder(x)
    if learns_codes:
        e, _ = model.quantizer(z)
        return error(model.decoder(e), x) + 0.25 * error(z, e.detach())
    codes = torch.cdist(z.detach().movedim(1, -1), model.quantizer.codebook).argmin(-1)
    return surprise(model.prior(codes), codes)


def razavi_2019(model: VQVAE2, x: Tensor, learns_codes: bool) -> Tensor:
    """Algorithm 1, then algorithm 2."""
    top, bottom = (
        model.quantizer_top.train(learns_codes),
        model.quantizer_bottom.train(learns_codes),
    )
    h = model.encoder(x)
    z_top = model.encoder_top(h)
    e_top, T_top = top(z_top)
    z_bottom = model.join(torch.cat([h, model.decoder_top(e_top)], 1))
    e_bottom, T_bottom = bottom(z_bottom)
    if learns_codes:
        drawn = model.decoder(torch.cat([model.upsample(e_top), e_bottom], 1))
        commitment = error(z_top, e_top.detach()) + error(z_bottom, e_bottom.detach())
        return error(drawn, x) + 0.25 * commitment
    told = model.guide(top.embed_indices(T_top))
    bottoms = surprise(model.prior_bottom(T_bottom, told), T_bottom)
    return surprise(model.prior_top(T_top), T_top) + bottoms


@pytest.mark.parametrize(
    ("build", "loss"), [(small_vq_vae, oord_2017), (small_vq_vae_2, razavi_2019)]
)
def test_an_epoch_is_the_papers_algorithm(build: Build, loss: Callable[..., Tensor]) -> None:
    """Half of it for the codes, half for their prior, each with a learning rate that falls."""
    ours, by_hand = build(), build()
    fit(ours)
    torch.manual_seed(1)
    adam, half = Adam(by_hand.parameters()), BATCHES // 2
    for step, (x, _) in enumerate(digits()):
        adam.param_groups[0]["lr"] = 1e-2 * (1 + cos(pi * (step % half) / half)) / 2
        descend(adam, loss(by_hand, x, step < half))
    torch.testing.assert_close(ours.state_dict(), by_hand.state_dict())
    fresh = build().state_dict()
    still = [n for n, p in ours.named_parameters() if p.ndim > 1 and torch.equal(p, fresh[n])]
    assert [n for n in still if not n.startswith("prior_top")] == []  # one code has none before it


class Noted(Callback):
    """The weights and codebooks after each step."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: Trainer, model: LightningModule, *what: object) -> None:
        self.states.append({name: t.clone() for name, t in model.state_dict().items()})


@SMALL
def test_each_part_of_a_training_leaves_the_other_alone(build: Build) -> None:
    noted = Noted()
    fit(build(), callbacks=[noted])
    turn, before = BATCHES // 2, build().state_dict()
    for name in before:
        priors = name.startswith(("prior", "guide"))
        moments = [before, *noted.states[:turn]] if priors else noted.states[turn - 1 :]
        assert all(torch.equal(moments[0][name], moment[name]) for moment in moments), name


class Stop(Callback):
    """Somebody pulls the plug after the first epoch of more."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


class Reseed(Callback):
    """A checkpoint keeps no random generator: each epoch begins with its own."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.manual_seed(trainer.current_epoch)


@pytest.mark.parametrize(("build", "epochs"), [(small_vq_vae, 4), (small_vq_vae_2, 2)])
def test_resuming_is_not_stopping(build: Build, epochs: int, tmp_path: Path) -> None:
    """With an average of the weights, whose checkpoints hold plain data only."""
    states = {}
    for run in "whole", "half", "rest":
        saved = ModelCheckpoint(tmp_path / run, save_last=True)
        callbacks = [EMAWeightAveraging(decay=0.9), Reseed(), saved]
        callbacks += [Stop()] if run == "half" else []
        resume = tmp_path / "half" / "last.ckpt" if run == "rest" else None
        fit(build(), epochs, callbacks=callbacks, resume=resume)
        states[run] = torch.load(tmp_path / run / "last.ckpt", weights_only=True)
    assert states["half"]["global_step"] == BATCHES
    assert states["rest"]["global_step"] == epochs * BATCHES
    assert_same(states["whole"]["current_model_state"], states["rest"]["current_model_state"])
    assert_same(states["whole"]["state_dict"], states["rest"]["state_dict"])


@SMALL
def test_a_training_without_end_is_refused(build: Build) -> None:
    with pytest.raises(BadRecipe, match=r"needs an end: set trainer.max_epochs"):
        fit(build(), epochs=-1)


@pytest.mark.parametrize(("model", "size", "by"), [(VQVAE, 30, 4), (VQVAE2, 28, 8), (VQVAE, 0, 4)])
def test_a_size_that_shrinks_badly_is_refused(
    model: type[VQVAE | VQVAE2], size: int, by: int
) -> None:
    with pytest.raises(BadRecipe, match=f"size.*{by}, got {size}"):
        model(size=size)


def test_a_training_may_be_all_of_one_part() -> None:
    for share in 0.0, 1.0:
        fit(
            VQVAE(
                size=8, channels=1, width=8, codebook=6, dim=4, depth=2, autoencoder_fraction=share
            )
        )
