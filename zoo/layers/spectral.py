"""Spectral normalisation. Miyato et al., 2018, https://arxiv.org/abs/1802.05957"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


def normalised(network: nn.Module) -> nn.Module:
    """Divide every layer's weight by its largest singular value, by torch's parametrisation."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)
    return network


@contextmanager
def one_iteration(network: nn.Module) -> Iterator[None]:
    """Within, the weights are normalised once, in float32, however often the network is called:
    a second power iteration would cost as much and change the weights between two calls."""
    device = next(network.parameters()).device.type
    with parametrize.cached():
        with torch.autocast(device, enabled=False):
            for layer in network.modules():
                if parametrize.is_parametrized(layer, "weight"):
                    _ = layer.weight
        yield
