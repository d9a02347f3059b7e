"""Stacked autoencoders: tied weights and greedy training."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from safetensors import safe_open
from torch import nn
from torch.nn.functional import selu
from torch.optim import Adam
from toy_autoencoders import greedy, images, stacked, train

from zoo.autoencoders.greedy import GreedyAutoencoder
from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.layers.tied import TiedLinear
from zoo.losses.reconstruction import binary_cross_entropy
from zoo.pretrained import catalog
from zoo.pretrained.weights import load, save
from zoo.publishing.export import differences


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
