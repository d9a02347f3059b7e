"""Attention over images. Zhang et al., 2019, section 3, https://arxiv.org/abs/1805.08318"""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, scaled_dot_product_attention


class SelfAttention(nn.Module):
    """Self-attention over the positions of maps (n, features, h, w).

    The layer is initialized as the identity, gamma = 0. Keys and values are pooled by two, as in
    the authors' code.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        keys, values = max(1, features // 8), max(1, features // 2)
        self.query = nn.Conv2d(features, keys, 1, bias=False)
        self.key = nn.Conv2d(features, keys, 1, bias=False)
        self.value = nn.Conv2d(features, values, 1, bias=False)
        self.out = nn.Conv2d(values, features, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.query(x), max_pool2d(self.key(x), 2), max_pool2d(self.value(x), 2)
        query, key, value = (m.flatten(2).transpose(1, 2) for m in maps)  # (n, positions, width)
        attended = scaled_dot_product_attention(query, key, value, scale=1.0)
        attended = attended.transpose(1, 2).unflatten(2, x.shape[2:])  # (n, values, h, w)
        return x + self.gamma * self.out(attended)
