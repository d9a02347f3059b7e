"""Spectral normalisation. Miyato et al., 2018, https://arxiv.org/abs/1802.05957"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


def apply_spectral_norm(network: nn.Module) -> nn.Module:
    """Divide every layer's weight by its largest singular value, by torch's parametrisation."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)
            setattr(type(layer), "__reduce_ex__", reduced)  # noqa: B010 (a class of this layer alone)
    return network


def reduced(layer: nn.Module, protocol: int) -> tuple[object, ...]:
    """How to pickle a normalised layer, which torch refuses: as its class and attributes."""
    return restored, (type(layer).__bases__[0], layer.__dict__)


def restored(kind: type[nn.Module], state: dict[str, Any]) -> nn.Module:
    """A normalised layer of a class from the attributes that it had."""
    layer, modules = kind.__new__(kind), dict(state["_modules"])
    kept = modules.pop("parametrizations")
    plain = nn.Parameter(kept.weight.original.detach())
    layer.__dict__ |= state | {"_modules": modules, "_parameters": {"weight": plain}}
    layer._parameters |= state["_parameters"]
    apply_spectral_norm(layer)
    layer.get_submodule("parametrizations").register_module("weight", kept.weight)
    return layer


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
