"""Conditional normalization layers."""

import torch
from torch import Tensor, nn


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm of maps (n, features, h, w) whose scale and shift depend on the class.

    Dumoulin et al., 2017, https://arxiv.org/abs/1610.07629; de Vries et al., 2017.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=False)
        self.scale, self.shift = nn.Embedding(classes, features), nn.Embedding(classes, features)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Normalize maps (n, features, h, w) with labels (n,)."""
        scale, shift = self.scale(labels)[:, :, None, None], self.shift(labels)[:, :, None, None]
        return torch.addcmul(shift, self.norm(x), scale)
