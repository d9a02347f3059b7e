"""Layers of binary units."""

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class BinaryLayer(nn.Module):
    """Weights between visible and hidden binary units, with the biases of both."""

    def __init__(self, visible: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.01 * torch.randn(hidden, visible))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    def up_logits(self, v: Tensor) -> Tensor:
        """Logits (n, hidden) of hidden units for visible units (n, visible)."""
        return v @ self.weight.T + self.hidden_bias

    def up(self, v: Tensor) -> Tensor:
        """Probabilities (n, hidden) of hidden units for visible units (n, visible)."""
        return self.up_logits(v).sigmoid()

    def down_logits(self, h: Tensor) -> Tensor:
        """Logits (n, visible) of visible units for hidden units (n, hidden)."""
        return h @ self.weight + self.visible_bias

    def down(self, h: Tensor) -> Tensor:
        """Probabilities (n, visible) of visible units for hidden units (n, hidden)."""
        return self.down_logits(h).sigmoid()


class Layers(nn.ModuleList):
    """Layers of binary units, the lowest first."""

    def __iter__(self) -> Iterator[BinaryLayer]:  # type: ignore[override]
        return iter(cast(Iterable[BinaryLayer], self._modules.values()))


def log_probability(logits: Tensor, units: Tensor) -> Tensor:
    """log p (n,) in nats of binary units (n, units), or of probabilities that they are 1."""
    nats = binary_cross_entropy_with_logits(logits.float(), units.float(), reduction="none")
    return -nats.sum(1)
