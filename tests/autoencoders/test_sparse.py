"""Sparse, k-sparse and contractive autoencoders."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian
from toy_autoencoders import images, train

from zoo.autoencoders.contractive import ContractiveAutoencoder
from zoo.autoencoders.k_sparse import KSparseAutoencoder
from zoo.autoencoders.sparse import SparseAutoencoder
from zoo.core.protocols import (
    HasSparseCode,
)
from zoo.losses.reconstruction import squared_error
from zoo.losses.sparsity import l1, target_activity


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
