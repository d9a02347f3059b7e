"""VQ-VAE and VQ-VAE-2."""

from collections.abc import Callable
from math import cos, pi
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from loops import BATCHES, assert_same, descend, digits, fit
from torch import Tensor
from torch.nn.functional import log_softmax
from torch.optim import Adam

from zoo.core.protocols import Quantizes
from zoo.errors import BadRecipe
from zoo.vaes.quantized import QuantizedModel
from zoo.vaes.vq_vae import VQVAE
from zoo.vaes.vq_vae_2 import VQVAE2


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
def test_shapes_and_ranges_of_codes_and_images(build: Build) -> None:
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


def test_codes_of_the_bottom_level_are_offset() -> None:
    model = vq_vae_2()
    assert isinstance(model, VQVAE2)
    top, bottom = torch.randint(6, (5, 2, 2)), torch.randint(6, (5, 4, 4))
    codes = model.join_levels(top, bottom)
    assert torch.equal(codes, torch.cat([top.flatten(1), 6 + bottom.flatten(1)], dim=1))
    assert all(map(torch.equal, model.split_levels(codes), (top, bottom)))
    codes = model.encode_indices(images(9))
    assert (model.codebook_size, codes.shape) == (12, (9, 4 + 16))
    assert codes[:, :4].max() < 6 <= codes[:, 4:].min()


@MODELS
@pytest.mark.parametrize("n", [1, 17, 63])
def test_a_larger_n_extends_the_samples(build: Build, n: int) -> None:
    model = build()
    few, many = model.sample(n, seed=3), model.sample(64, seed=3)
    torch.testing.assert_close(few, many[:n], rtol=0, atol=1e-6)
    assert not torch.equal(many, model.sample(64, seed=4))


@MODELS
def test_a_seed_does_not_change_the_global_generator(build: Build) -> None:
    model, before = build(), torch.get_rng_state()
    model.sample(3, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(model.sample(3), model.sample(3))


@MODELS
def test_sampling_does_not_change_the_model(build: Build) -> None:
    model = build().train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    samples = model.sample(300)
    assert (samples.shape, samples.dtype, samples.requires_grad) == (
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


def nll(logits: Tensor, codes: Tensor) -> Tensor:
    return -log_softmax(logits, dim=1).gather(1, codes.unsqueeze(1)).sum() / len(codes)


def oord_2017(model: VQVAE, x: Tensor, first_stage: bool) -> Tensor:
    """Equation 3, then the prior of section 3.3."""
    z = model.encoder(x)
    if first_stage:
        e, _ = model.quantizer(z)
        return error(model.decoder(e), x) + 0.25 * error(z, e.detach())
    codes = torch.cdist(z.detach().movedim(1, -1), model.quantizer.codebook).argmin(-1)
    return nll(model.prior(codes), codes)


def razavi_2019(model: VQVAE2, x: Tensor, first_stage: bool) -> Tensor:
    """Algorithm 1, then algorithm 2."""
    top, bottom = (
        model.quantizer_top.train(first_stage),
        model.quantizer_bottom.train(first_stage),
    )
    h = model.encoder(x)
    z_top = model.encoder_top(h)
    e_top, T_top = top(z_top)
    z_bottom = model.join(torch.cat([h, model.decoder_top(e_top)], 1))
    e_bottom, T_bottom = bottom(z_bottom)
    if first_stage:
        x_hat = model.decoder(torch.cat([model.upsample(e_top), e_bottom], 1))
        commitment = error(z_top, e_top.detach()) + error(z_bottom, e_bottom.detach())
        return error(x_hat, x) + 0.25 * commitment
    condition = model.guide(top.embed_indices(T_top))
    bottom_nll = nll(model.prior_bottom(T_bottom, condition), T_bottom)
    return nll(model.prior_top(T_top), T_top) + bottom_nll


@pytest.mark.parametrize(
    ("build", "loss"), [(small_vq_vae, oord_2017), (small_vq_vae_2, razavi_2019)]
)
def test_an_epoch_equals_the_papers_algorithm(build: Build, loss: Callable[..., Tensor]) -> None:
    """Half of the epoch trains the autoencoder, half the prior, each with a cosine decay."""
    ours, by_hand = build(), build()
    fit(ours)
    torch.manual_seed(1)
    adam, half = Adam(by_hand.parameters()), BATCHES // 2
    for step, (x, _) in enumerate(digits()):
        adam.param_groups[0]["lr"] = 1e-2 * (1 + cos(pi * (step % half) / half)) / 2
        descend(adam, loss(by_hand, x, step < half))
    torch.testing.assert_close(ours.state_dict(), by_hand.state_dict())
    fresh = build().state_dict()
    constant = [n for n, p in ours.named_parameters() if p.ndim > 1 and torch.equal(p, fresh[n])]
    # the top grid has a single code, and so no earlier ones
    assert [n for n in constant if not n.startswith("prior_top")] == []


class States(Callback):
    """Records the weights and codebooks after each step."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: Trainer, model: LightningModule, *what: object) -> None:
        self.states.append({name: t.clone() for name, t in model.state_dict().items()})


@SMALL
def test_each_stage_changes_only_its_own_parameters(build: Build) -> None:
    recorded = States()
    fit(build(), callbacks=[recorded])
    start, before = BATCHES // 2, build().state_dict()
    for name in before:
        priors = name.startswith(("prior", "guide"))
        states = [before, *recorded.states[:start]] if priors else recorded.states[start - 1 :]
        assert all(torch.equal(states[0][name], state[name]) for state in states), name


class Stop(Callback):
    """Stops the training after its first epoch."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


class Reseed(Callback):
    """Seeds each epoch, because a checkpoint does not store the random generator."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.manual_seed(trainer.current_epoch)


@pytest.mark.parametrize(("build", "epochs"), [(small_vq_vae, 4), (small_vq_vae_2, 2)])
def test_a_resumed_training_equals_an_uninterrupted_one(
    build: Build, epochs: int, tmp_path: Path
) -> None:
    """With an average of the weights, whose checkpoints contain plain data only."""
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
def test_a_training_without_an_end_raises(build: Build) -> None:
    with pytest.raises(BadRecipe, match="max_epochs"):
        fit(build(), epochs=-1)


@pytest.mark.parametrize(("model", "size", "by"), [(VQVAE, 30, 4), (VQVAE2, 28, 8), (VQVAE, 0, 4)])
def test_a_size_that_is_not_a_multiple_raises(
    model: type[VQVAE | VQVAE2], size: int, by: int
) -> None:
    with pytest.raises(BadRecipe, match=f"size.*{by}, got {size}"):
        model(size=size)


def test_a_training_may_have_one_stage() -> None:
    for share in 0.0, 1.0:
        fit(
            VQVAE(
                size=8, channels=1, width=8, codebook=6, dim=4, depth=2, autoencoder_fraction=share
            )
        )
