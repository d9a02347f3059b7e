"""All autoencoders: shapes, plain loops, saving and loading."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.nn.functional import binary_cross_entropy as torch_bce
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR
from toy_autoencoders import greedy, images, stacked, train

from zoo.autoencoders.contractive import ContractiveAutoencoder
from zoo.autoencoders.convolutional import ConvolutionalAutoencoder
from zoo.autoencoders.denoising import DenoisingAutoencoder
from zoo.autoencoders.k_sparse import KSparseAutoencoder
from zoo.autoencoders.linear import LinearAutoencoder
from zoo.autoencoders.recurrent import RecurrentAutoencoder
from zoo.autoencoders.sparse import SparseAutoencoder
from zoo.core.latent_models import Autoencoder
from zoo.core.protocols import (
    SupportsEncoding,
    SupportsReconstruction,
    SupportsSampling,
)
from zoo.errors import BadRecipe
from zoo.losses.reconstruction import binary_cross_entropy, squared_error
from zoo.pretrained.weights import load, save


def linear() -> Autoencoder:
    return LinearAutoencoder(size=8, latent=6)


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
