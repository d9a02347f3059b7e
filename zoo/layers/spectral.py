"""Spectral normalization. Miyato et al., 2018, https://arxiv.org/abs/1802.05957"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


def apply_spectral_norm(network: nn.Module) -> nn.Module:
    """Divide the weight of every layer by its largest singular value; return the network.

    The layers are convolutions, dense layers and embeddings; torch's parametrization is used.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(layer)
            # torch gives each parametrized layer a class of its own, which it cannot pickle
            setattr(type(layer), "__reduce_ex__", reduce_layer)  # noqa: B010
    return network


def reduce_layer(layer: nn.Module, protocol: int) -> tuple[object, ...]:
    """Pickle a layer with spectral norm as its original class and its attributes."""
    return restore_layer, (type(layer).__bases__[0], layer.__dict__)


def restore_layer(cls: type[nn.Module], state: dict[str, Any]) -> nn.Module:
    """Rebuild a layer with spectral norm from its original class and its attributes."""
    layer, modules = cls.__new__(cls), dict(state["_modules"])
    parametrizations = modules.pop("parametrizations")
    weight = nn.Parameter(parametrizations.weight.original.detach())
    layer.__dict__ |= state | {"_modules": modules, "_parameters": {"weight": weight}}
    layer._parameters |= state["_parameters"]
    apply_spectral_norm(layer)
    layer.get_submodule("parametrizations").register_module("weight", parametrizations.weight)
    return layer


@contextmanager
def one_iteration(network: nn.Module) -> Iterator[None]:
    """Normalize the weights once within the context, in float32, for any number of calls.

    A second power iteration would change the weights between two calls of the network.
    """
    device = next(network.parameters()).device.type
    with parametrize.cached():
        with torch.autocast(device, enabled=False):
            for layer in network.modules():
                if parametrize.is_parametrized(layer, "weight"):
                    _ = layer.weight
        yield
