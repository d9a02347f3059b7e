"""Spectral normalization."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from zoo.layers.spectral import apply_spectral_norm, one_iteration


def test_spectral_norm_is_one_after_one_iteration_a_step() -> None:
    torch.manual_seed(0)
    network = apply_spectral_norm(
        nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    ).train()
    for _ in range(50):
        with one_iteration(network):
            before = network[0].parametrizations.weight[0]._u.clone()
            network(torch.randn(2, 6))
            weight = network[0].weight
            network(torch.randn(2, 6))
            assert network[0].weight is weight
            assert torch.equal(before, network[0].parametrizations.weight[0]._u)
    assert torch.linalg.matrix_norm(network[0].weight, 2).item() == pytest.approx(1, abs=1e-3)
    loss = network(torch.randn(4, 6)).sum() + network(torch.randn(4, 6)).sum()
    loss.backward()  # two calls before one backward


def test_spectral_norm_is_float32_under_autocast() -> None:
    network = apply_spectral_norm(nn.Linear(64, 64))
    with torch.autocast("cpu", torch.bfloat16), one_iteration(network):
        assert network.weight.dtype == torch.float32
        assert network(torch.randn(2, 64)).dtype == torch.bfloat16
    assert parametrize._cache_enabled == 0
