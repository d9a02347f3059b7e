"""Layers that look across the batch, or back at earlier ones."""

import torch
from torch import Tensor, nn


class MinibatchStdDev(nn.Module):
    """Append one channel to (n, c, h, w): how much the batch varies.

    Karras et al., 2018, section 3, https://arxiv.org/abs/1710.10196
    """

    def forward(self, x: Tensor) -> Tensor:
        spread = x.float().var(0, unbiased=False).add(1e-8).sqrt().mean()
        return torch.cat([x, spread.to(x.dtype).expand_as(x[:, :1])], 1)


class MinibatchDiscrimination(nn.Module):
    """Append to features (n, a) how near each image is to the others, b numbers: (n, a + b).

    Salimans et al., 2016, section 3.2, https://arxiv.org/abs/1606.03498
    """

    def __init__(self, a: int, b: int, depth: int = 16) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.randn(a, b, depth) * 0.1)

    def forward(self, features: Tensor) -> Tensor:
        seen = torch.einsum("na,abd->nbd", features, self.maps)
        distances = (seen[:, None] - seen[None]).abs().sum(3)
        nearness = (-distances).exp().sum(1) - 1  # without itself
        return torch.cat([features, nearness], 1)


class ReplayPool(nn.Module):
    """Half of the time, show a critic an older fake. Shrivastava et al., 2017, section 2.3,
    https://arxiv.org/abs/1612.07828

    The pool is part of the state, so that a resumed training has it.
    """

    kept: Tensor
    filled: Tensor

    def __init__(self, shape: tuple[int, ...], size: int = 50) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def forward(self, fakes: Tensor) -> Tensor:
        """Fakes (n, *shape), about half of them from earlier calls once the pool is full."""
        return torch.stack([self.swap(fake) for fake in fakes.detach()])

    def swap(self, fake: Tensor) -> Tensor:
        filled = int(self.filled)
        if filled < len(self.kept):
            self.kept[filled] = fake
            self.filled += 1
            return fake
        if torch.rand(()) < 0.5:
            return fake
        slot = int(torch.randint(filled, ()))
        older = self.kept[slot].to(fake.dtype, copy=True)
        self.kept[slot] = fake
        return older
