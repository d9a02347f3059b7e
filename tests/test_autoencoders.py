"""The autoencoders: plain loops and closed forms of their papers."""

import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from safetensors import safe_open
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.nn.functional import binary_cross_entropy as torch_bce
from torch.nn.functional import selu
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader

from zoo.autoencoders.contractive import ContractiveAutoencoder
from zoo.autoencoders.convolutional import ConvolutionalAutoencoder
from zoo.autoencoders.denoising import DenoisingAutoencoder
from zoo.autoencoders.greedy import GreedyAutoencoder
from zoo.autoencoders.k_sparse import KSparseAutoencoder
from zoo.autoencoders.linear import LinearAutoencoder
from zoo.autoencoders.recurrent import RecurrentAutoencoder
from zoo.autoencoders.sparse import SparseAutoencoder
from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.core.latent_models import Autoencoder
from zoo.core.protocols import (
    HasSparseCode,
    SupportsEncoding,
    SupportsReconstruction,
    SupportsSampling,
)
from zoo.errors import BadRecipe
from zoo.layers.tied import TiedLinear
from zoo.losses.reconstruction import binary_cross_entropy, squared_error
from zoo.losses.sparsity import l1, target_activity
from zoo.pretrained import catalog
from zoo.pretrained.weights import load, save
from zoo.publishing.export import differences


def linear() -> Autoencoder:
    return LinearAutoencoder(size=8, latent=6)


def stacked() -> Autoencoder:
    return StackedAutoencoder(size=8, widths=(12, 9), latent=6)


def greedy() -> Autoencoder:
    return GreedyAutoencoder(size=8, widths=(12,), latent=6, layer_steps=2)


def convolutional() -> Autoencoder:
    return ConvolutionalAutoencoder(size=8, latent=6, width=4)


def recurrent() -> Autoencoder:
    return RecurrentAutoencoder(size=8, latent=6, width=8)


def denoising() -> Autoencoder:
    return DenoisingAutoencoder(size=8, widths=(12,), latent=6)


def sparse() -> Autoencoder:
    return SparseAutoencoder(size=8, latent=6)


def k_sparse() -> Autoencoder:
    return KSparseAutoencoder(size=8, latent=6, k=2)


def contractive() -> Autoencoder:
    return ContractiveAutoencoder(size=8, latent=6)


ALL = [
    linear,
    stacked,
    greedy,
    convolutional,
    recurrent,
    denoising,
    sparse,
    k_sparse,
    contractive,
]
EACH = pytest.mark.parametrize("build", ALL)


def train(
    model: LightningModule,
    x: Tensor,
    epochs: int,
    batch: int,
    *callbacks: Callback,
    resume: Path | None = None,
) -> None:
    """Train on images (n, channels, size, size) after seed 0."""
    torch.manual_seed(0)
    pairs = [(chunk, torch.zeros(len(chunk), 0)) for chunk in x.split(batch)]
    own = torch.Generator()  # the loader's seed must not come from the generator of the noise
    loader = DataLoader(pairs, batch_size=None, generator=own)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, loader, ckpt_path=resume)


def images(n: int = 20) -> Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


# All of them


@EACH
def test_shapes_and_ranges_of_codes_and_images(build: Callable[[], Autoencoder]) -> None:
    model, x = build(), images()
    assert isinstance(model, SupportsEncoding)
    assert isinstance(model, SupportsReconstruction)
    assert isinstance(model, SupportsSampling)
    codes = model.encode(x)
    assert codes.shape == (20, 6)
    assert torch.equal(model.reconstruct(x), model.decode(codes))
    for decoded in model.reconstruct(x), model.sample(20, seed=0):
        assert decoded.shape == x.shape
        assert decoded.abs().max() <= 1
    assert torch.allclose(model.sample(20, seed=0)[:3], model.sample(3, seed=0), atol=1e-5)


@EACH
def test_training_changes_every_parameter(build: Callable[[], Autoencoder]) -> None:
    torch.manual_seed(0)
    model = build()
    before = {name: p.clone() for name, p in model.named_parameters()}
    train(model, images(), 4, 10)
    constant = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    assert constant == []


@EACH
def test_training_reduces_the_error(build: Callable[[], Autoencoder]) -> None:
    """Reconstructions of two images and their negatives are nearer than the mean image."""
    torch.manual_seed(0)
    model, x = build(), images(2).pow(3)
    x = torch.cat([x, -x]).repeat(25, 1, 1, 1)
    model.hparams["lr"] = 0.03
    train(model, x, 40, 20)
    assert (model.reconstruct(x) - x).square().mean() < (x - x.mean(0)).square().mean() / 2


@EACH
def test_a_fitted_model_is_saved_and_loaded(
    build: Callable[[], Autoencoder], tmp_path: Path
) -> None:
    model = build()
    model.fit_sampler(torch.randn(50, 6) * 3)
    save(model, tmp_path / "one.safetensors")
    loaded = load(tmp_path / "one.safetensors")
    assert isinstance(loaded, Autoencoder)
    assert torch.allclose(loaded.sample(7, seed=1), model.sample(7, seed=1), atol=1e-5)
    assert torch.allclose(loaded.reconstruct(images()), model.reconstruct(images()), atol=1e-5)


def of_linear(model: Autoencoder, x: Tensor) -> Tensor:
    code = x.flatten(1) @ model.encoder[1].weight.T + model.encoder[1].bias
    x_hat = code @ model.decoder[0].weight.T + model.decoder[0].bias
    return ((x_hat - x.flatten(1)) / 2).pow(2).sum() / len(x)


def of_networks(model: Autoencoder, x: Tensor) -> Tensor:
    return ((model.decoder(model.encoder(x)) - x) / 2).pow(2).sum() / len(x)


def of_denoising(model: Autoencoder, x: Tensor) -> Tensor:
    corrupted = torch.where(torch.rand_like(x) < 0.25, torch.tensor(-1.0), x)
    white = model.decoder(model.encoder(corrupted)).sigmoid()
    return torch_bce(white, (x + 1) / 2, reduction="sum") / len(x)


def of_sparse(model: Autoencoder, x: Tensor) -> Tensor:
    code = (x.flatten(1) @ model.encoder[1].weight.T + model.encoder[1].bias).sigmoid()
    p, activity = 0.05, code.mean(0)
    penalty = (p * (p / activity).log() + (1 - p) * ((1 - p) / (1 - activity)).log()).sum()
    return of_networks(model, x) + penalty


def of_k_sparse(model: Autoencoder, x: Tensor) -> Tensor:
    whole = x.flatten(1) @ model.encoder[1].weight.T + model.encoder[1].bias
    least = whole.sort(1, descending=True).values[:, 1:2]
    code = torch.where(whole >= least, whole, torch.tensor(0.0))
    x_hat = code @ model.encoder[1].weight + model.decoder[0].bias
    return ((x_hat - x.flatten(1)) / 2).pow(2).sum() / len(x)


def of_contractive(model: Autoencoder, x: Tensor) -> Tensor:
    white = model.decoder(model.encoder(x)).sigmoid()
    entropy = torch_bce(white, (x + 1) / 2, reduction="sum") / len(x)
    norms = [jacobian(model.encoder, one, create_graph=True).square().sum() for one in x.split(1)]
    return entropy + 0.1 * sum(norms) / len(x)


@pytest.mark.parametrize(
    ("build", "loss"),
    [
        (linear, of_linear),
        (convolutional, of_networks),
        (recurrent, of_networks),
        (denoising, of_denoising),
        (sparse, of_sparse),
        (k_sparse, of_k_sparse),
        (contractive, of_contractive),
    ],
)
def test_an_epoch_equals_the_plain_loop(
    build: Callable[[], Autoencoder], loss: Callable[[Autoencoder, Tensor], Tensor]
) -> None:
    ours = build()
    by_hand = deepcopy(ours)
    train(ours, images(), 1, 5)
    torch.manual_seed(0)
    adam = Adam(by_hand.parameters())
    schedule = OneCycleLR(adam, 1e-3, total_steps=4)
    for x in images().split(5):
        adam.zero_grad()
        loss(by_hand, x).backward()
        adam.step()
        schedule.step()
    for name, p in ours.named_parameters():
        assert torch.allclose(p, by_hand.get_parameter(name), atol=2e-5), name


def test_reconstruction_errors_equal_loops() -> None:
    x, x_hat = images(), images().flip(0)
    by_hand = sum((a - b).pow(2).sum() / 4 for a, b in zip(x, x_hat, strict=True)) / 20
    assert torch.allclose(squared_error(x_hat, x), by_hand)
    logits = torch.randn_like(x) * 3
    by_hand = torch_bce(logits.sigmoid(), (x + 1) / 2, reduction="none").sum() / 20
    assert torch.allclose(binary_cross_entropy(logits, x), by_hand)


# Linear: Bourlard & Kamp, 1988; Baldi & Hornik, 1989


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


# Stacked: Hinton & Salakhutdinov, 2006; greedy: Bengio et al., 2006


def test_a_stacked_autoencoder_has_tied_weights_of_784_100_30() -> None:
    weights = 784 * 100 + 100 * 30
    biases = 100 + 30 + 100 + 784
    assert sum(p.numel() for p in StackedAutoencoder().parameters()) == weights + biases


def test_each_decoder_layer_is_the_transpose_of_its_encoder_layer() -> None:
    model, x = stacked(), images()
    first, second, third = (model.encoder[i][0] for i in (1, 2, 3))
    h = selu(second(selu(first(x.flatten(1)))))
    code = selu(third(h))
    assert torch.equal(model.encode(x), code)
    up = selu(code @ third.weight + model.decoder[0][0].bias)
    up = selu(up @ second.weight + model.decoder[1][0].bias)
    pixels = (up @ first.weight + model.decoder[2][0].bias).sigmoid()
    assert torch.allclose(model.decode(code).flatten(1), pixels * 2 - 1, atol=1e-6)


def test_a_tied_weight_is_stored_once_and_tied_after_loading(tmp_path: Path) -> None:
    model = stacked()
    save(model, tmp_path / "one.safetensors")
    with safe_open(tmp_path / "one.safetensors", "pt") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    assert sum(shape in ([12, 64], [64, 12]) for shape in shapes) == 1
    loaded = load(tmp_path / "one.safetensors")
    assert isinstance(loaded, StackedAutoencoder)
    before = loaded.decode(torch.ones(1, 6))
    with torch.no_grad():
        loaded.encoder[1][0].weight.mul_(2)
    assert not torch.equal(loaded.decode(torch.ones(1, 6)), before)


def test_a_tied_weight_has_the_gradients_of_both_layers() -> None:
    layer = nn.Linear(3, 2)
    x = torch.randn(5, 3)
    TiedLinear(layer)(layer(x)).square().sum().backward()
    tied = layer.weight.grad
    down, up = layer.weight.detach().clone(), layer.weight.detach().clone()
    down.requires_grad_(), up.requires_grad_()
    ((x @ down.T + layer.bias.detach()) @ up).square().sum().backward()
    assert torch.allclose(tied, down.grad + up.grad, rtol=1e-4)


def test_widths_may_be_a_tuple_or_a_list() -> None:
    """A tuple as in Python, or a list as in a recipe and a header."""
    recipe = catalog.recipe_path("stacked-ae-fashion-mnist")
    for widths in (100,), [100]:
        model = StackedAutoencoder(widths=widths, lr=0.003)  # type: ignore[arg-type]
        assert differences(model, recipe) == {}
    model = StackedAutoencoder(widths=(50,), lr=0.003)
    assert differences(model, recipe) == {"widths": [50]}


class Changes(Callback):
    """Records the parameters that change in each epoch."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = {n: p.detach().clone() for n, p in pl_module.named_parameters()}
        self.epochs = getattr(self, "epochs", [])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        now = dict(pl_module.named_parameters())
        self.epochs.append({n for n, p in self.before.items() if not torch.equal(p, now[n])})


def test_greedy_training_changes_one_layer_at_a_time_then_all() -> None:
    changes = Changes()
    train(greedy(), images(), 4, 10, changes)
    first = {"encoder.1.0.weight", "encoder.1.0.bias", "decoder.1.0.bias"}
    second = {"encoder.2.0.weight", "encoder.2.0.bias", "decoder.0.0.bias"}
    assert changes.epochs == [first, second, first | second, first | second]


def test_a_greedy_layer_reconstructs_the_layer_below() -> None:
    """One step for each of two layers, in plain code."""
    ours = GreedyAutoencoder(size=8, widths=(12,), latent=6, layer_steps=1)
    by_hand = deepcopy(ours)
    train(ours, images(), 2, 20)
    first, second, x = by_hand.encoder[1][0], by_hand.encoder[2][0], images()
    up, top = by_hand.decoder[1][0], by_hand.decoder[0][0]
    adam = Adam([*first.parameters(), up.bias], lr=1e-3)
    binary_cross_entropy(up(selu(first(x.flatten(1)))).view_as(x), x).backward()
    adam.step()
    below = selu(first(x.flatten(1))).detach()
    adam = Adam([*second.parameters(), top.bias], lr=1e-3)
    (selu(top(selu(second(below)))) - below).square().mean().backward()
    adam.step()
    for name, p in ours.named_parameters():
        assert torch.allclose(p, by_hand.get_parameter(name), atol=1e-6), name


class Reseed(Callback):
    """Seeds each epoch, because a checkpoint does not store the random generator."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        torch.manual_seed(trainer.current_epoch)


class Stop(Callback):
    """Stops the training after an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch == self.epoch


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_greedy_training_resumes_in_its_stage(epoch: int, tmp_path: Path) -> None:
    """Stopped in the stage of the first layer, of the second, or of all layers."""
    whole, rest = greedy(), greedy()
    half = deepcopy(whole)
    saved = ModelCheckpoint(tmp_path, save_last=True)
    train(whole, images(), 4, 10, Reseed())
    train(half, images(), 4, 10, Reseed(), Stop(epoch), saved)
    resumed = ModelCheckpoint(tmp_path / "rest", save_last=True)
    train(rest, images(), 4, 10, Reseed(), resumed, resume=tmp_path / "last.ckpt")
    for name, p in whole.named_parameters():
        assert torch.equal(p, rest.get_parameter(name)), name


# Denoising: Vincent et al., 2008


def test_dropout_sets_pixels_to_black() -> None:
    x = torch.rand(100, 1, 8, 8) * 2 - 1
    torch.manual_seed(0)
    corrupted = DenoisingAutoencoder(size=8, amount=0.3).corrupt(x)
    black = corrupted == -1
    assert black.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(corrupted[~black], x[~black])


def test_gaussian_noise_is_in_units_of_brightness() -> None:
    x = torch.zeros(100, 1, 8, 8)
    torch.manual_seed(0)
    corrupted = DenoisingAutoencoder(size=8, corruption="gaussian", amount=0.2).corrupt(x)
    assert (corrupted / 2).std().item() == pytest.approx(0.2, rel=0.05)


def test_a_denoiser_of_gaussian_data_converges_to_shrinkage() -> None:
    """The optimum is E[x | y] = mean + C (C + s^2 I)^-1 (y - mean) for corrupted images y."""
    generator = torch.Generator().manual_seed(0)
    root = torch.tensor([[0.25, 0.0], [0.15, 0.1]])
    x = torch.randn(20_000, 2, generator=generator) @ root.T
    torch.manual_seed(0)
    model = DenoisingAutoencoder(
        size=1, channels=2, widths=(32,), latent=8, corruption="gaussian", amount=0.1, lr=0.01
    )
    train(model, x[:, :, None, None], 6, 200)
    corrupted = model.corrupt(x[:2000, :, None, None])
    covariance = root @ root.T
    shrink = covariance @ torch.linalg.inv(covariance + 0.2**2 * torch.eye(2))
    optimum = corrupted.flatten(1) @ shrink.T
    denoised = model.reconstruct(corrupted).flatten(1)
    error = (optimum - x[:2000]).square().mean()
    assert (denoised - optimum).square().mean() < 0.02 * error
    assert (corrupted.flatten(1) - x[:2000]).square().mean() > 1.3 * error


# Sparse: Ng, 2011


def test_sparsity_penalties_equal_their_formulas() -> None:
    code = torch.tensor([[0.1, 0.5, 0.0], [0.3, 0.5, 0.1]], dtype=torch.float64)
    activity = [0.2, 0.5, 0.05]
    by_hand = sum(0.05 * math.log(0.05 / p) + 0.95 * math.log(0.95 / (1 - p)) for p in activity)
    assert target_activity(code, 0.05).item() == pytest.approx(by_hand)
    assert l1(code).item() == pytest.approx((0.6 + 0.9) / 2)


def test_the_penalty_is_minimal_at_the_target() -> None:
    code = torch.full((4, 3), 0.05, requires_grad=True)
    penalty = target_activity(code, 0.05)
    penalty.backward()
    assert penalty.item() == pytest.approx(0, abs=1e-6)
    assert code.grad.abs().max() < 1e-5


def test_a_large_weight_moves_the_activity_to_its_target() -> None:
    torch.manual_seed(0)
    model = SparseAutoencoder(size=8, latent=30, sparsity_weight=100.0, lr=0.1)
    train(model, images(200), 60, 50)
    assert isinstance(model, HasSparseCode)
    assert model.activity(images(200)).mean().item() == pytest.approx(0.05, abs=0.02)


def test_l1_reduces_the_activity() -> None:
    torch.manual_seed(0)
    without, with_l1 = (
        SparseAutoencoder(size=8, latent=30, sparsity="l1", sparsity_weight=w, lr=0.1)
        for w in (0.0, 1.0)
    )
    for model in without, with_l1:
        train(model, images(200), 20, 50)
    assert with_l1.activity(images()).mean() < without.activity(images()).mean() / 2


# k-sparse: Makhzani & Frey, 2013


def test_the_k_largest_units_are_active() -> None:
    torch.manual_seed(0)
    model, x = KSparseAutoencoder(size=8, latent=40, k=5), images()
    layer = model.encoder[1]
    whole = layer(x.flatten(1))
    for code, full in zip(model.encode(x), whole, strict=True):
        active = code.nonzero().flatten().tolist()
        assert sorted(active) == sorted(full.argsort(descending=True)[:5].tolist())
        assert torch.equal(code[active], full[active])
    assert (model.prior(10, seed=0) != 0).sum(1).eq(5).all()
    assert torch.allclose(model.activity(x), torch.tensor(5 / 40))


def test_only_active_units_have_a_gradient() -> None:
    torch.manual_seed(0)
    model = KSparseAutoencoder(size=8, latent=40, k=5)
    x = images(1)
    squared_error(model.decoder(model.encoder(x)), x).backward()
    units = model.encoder[1].bias.grad.nonzero().flatten()
    assert torch.equal(units, model.encode(x)[0].nonzero().flatten())


# Contractive: Rifai et al., 2011


def test_the_jacobian_norm_equals_autograd() -> None:
    torch.manual_seed(0)
    model = ContractiveAutoencoder(size=8, latent=7)
    for x in images(4).split(1):
        expected = jacobian(model.encoder, x).square().sum()
        assert torch.allclose(model.squared_jacobian_norm(model.encoder(x)), expected)


def test_the_penalty_reduces_the_jacobian_norm() -> None:
    torch.manual_seed(0)
    models = [
        ContractiveAutoencoder(size=8, latent=7, contractive_weight=w, lr=0.03) for w in (0, 1)
    ]
    for model in models:
        train(model, images(), 50, 20)
    norms = [model.squared_jacobian_norm(model.encode(images())).mean() for model in models]
    assert norms[1] < norms[0] / 2


# Recurrent: Srivastava et al., 2015; convolutional: Masci et al., 2011


def test_each_row_is_one_step_of_the_lstm() -> None:
    model, x = RecurrentAutoencoder(size=8, channels=2, latent=6, width=5), torch.randn(3, 2, 8, 8)
    encoder, decoder = model.encoder, model.decoder
    state = None
    for y in range(8):
        row = torch.cat([x[:, 0, y], x[:, 1, y]], dim=1)[:, None]
        _, state = encoder.lstm(row, state)
    code = encoder.head(state[0][0])
    assert torch.allclose(encoder(x), code, atol=1e-6)
    state, image = None, decoder(code)
    for y in range(8):
        out, state = decoder.lstm(code[:, None], state)
        assert torch.allclose(decoder.head(out)[:, 0], image[:, :, y].flatten(1), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_a_convolutional_autoencoder_keeps_shapes(size: int, channels: int) -> None:
    model = ConvolutionalAutoencoder(size, channels, latent=5, width=2)
    x = torch.zeros(2, channels, size, size)
    assert model.encode(x).shape == (2, 5)
    assert model.reconstruct(x).shape == x.shape


def test_a_size_that_is_no_multiple_of_four_raises() -> None:
    with pytest.raises(BadRecipe, match=r"size.*4, got 30"):
        ConvolutionalAutoencoder(size=30)
