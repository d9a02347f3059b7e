"""Feature maps of frozen networks, such as classifiers of torchvision."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo.errors import MissingData


class Reached(Exception):
    """Ends a forward pass after the last layer of interest, so that what follows need not fit the
    image's size."""


class Pretrained(NamedTuple):
    """A network, the conversion of images (n, 3, h, w) in [-1, 1] to its inputs, and the size in
    pixels of the images that it was trained on."""

    network: nn.Module
    prepare: Callable[[Tensor], Tensor]
    size: int


class FeatureNetwork:
    """A frozen network in evaluation mode. It is no module, so that a model may hold one without
    having its tensors in its own state."""

    def __init__(self, name: str, pretrained: Pretrained) -> None:
        self.name, self.prepare, self.size = name, pretrained.prepare, pretrained.size
        self.network = pretrained.network.eval().requires_grad_(False)

    def maps(self, layers: Sequence[str], x: Tensor) -> list[Tensor]:
        """Feature maps (n, c, h', w') of images (n, 3, h, w) in [-1, 1], for each layer."""
        found = dict[str, Tensor]()

        def record(name: str) -> Callable[[nn.Module, object, Tensor], None]:
            def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
                found[name] = output
                if found.keys() == {*layers}:
                    raise Reached

            return hook

        handles = [
            self.network.get_submodule(name).register_forward_hook(record(name))
            for name in dict.fromkeys(layers)
        ]
        try:
            with suppress(Reached):
                self.network(self.prepare(x))
        finally:
            for handle in handles:
                handle.remove()
        return [found[name] for name in layers]


def load_torchvision(name: str, device: torch.device | str | None = None) -> Pretrained:
    """A classifier of torchvision with its default weights, which are downloaded once; raises
    MissingData without a network."""
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    try:
        network: nn.Module = models.get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:  # no network, or another digest
        raise MissingData(
            f"the weights of {name} are not in torch's hub cache and could not be downloaded "
            f"({error}). Connect to the internet once, or choose another network"
        ) from error
    preset = weights.transforms()
    mean, std = (torch.tensor(v, device=device)[:, None, None] for v in (preset.mean, preset.std))

    def prepare(x: Tensor) -> Tensor:
        return ((x.to(mean) + 1) / 2 - mean) / std  # in float32

    return Pretrained(network.to(device), prepare, int(preset.crop_size[0]))
