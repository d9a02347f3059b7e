"""Layers that compare the images of a batch, and a pool of earlier images."""

from math import gcd

import torch
from torch import Tensor, nn

from zoo.layers.precision import at_least_float32


class MinibatchStdDev(nn.Module):
    """Append the standard deviation within each group of images as a channel: (n, c, h, w) to
    (n, c + 1, h, w).

    The deviation is averaged over channels and positions. `group` is the number of images in a
    group, by default the batch; if it does not divide n, their greatest common divisor is used.

    Karras et al., 2018, section 3, https://arxiv.org/abs/1710.10196
    """

    def __init__(self, group: int | None = None) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        group = gcd(len(x), self.group) if self.group else len(x)
        groups = at_least_float32(x).unflatten(0, (group, -1))  # (images, groups, c, h, w)
        std = groups.var(0, unbiased=False).add(1e-8).sqrt().mean((1, 2, 3))
        std = std.repeat(group).to(x.dtype).view(-1, 1, 1, 1)  # image i is in group i mod groups
        return torch.cat([x, std.expand_as(x[:, :1])], 1)


class MinibatchDiscrimination(nn.Module):
    """Append b similarities of each image to the others: features (n, a) to (n, a + b).

    Salimans et al., 2016, section 3.2, https://arxiv.org/abs/1606.03498
    """

    def __init__(self, a: int, b: int, depth: int = 16) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.randn(a, b, depth) * 0.1)

    def forward(self, features: Tensor) -> Tensor:
        rows = torch.einsum("na,abd->nbd", features, self.maps)
        distances = (rows[:, None] - rows[None]).abs().sum(3)  # (n, n, b): L1 over the depth
        similarity = (-distances).exp().sum(1) - 1  # minus exp(0), of each image with itself
        return torch.cat([features, similarity], 1)


class ReplayPool(nn.Module):
    """Pool of earlier fakes; about half of the fakes that a critic sees come from it.

    The pool is part of the module's state, so that a resumed training continues with it.
    Shrivastava et al., 2017, section 2.3, https://arxiv.org/abs/1612.07828
    """

    kept: Tensor  # (size, *shape)
    filled: Tensor  # number of images in the pool

    def __init__(self, shape: tuple[int, ...], size: int = 50) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def forward(self, fakes: Tensor) -> Tensor:
        """Exchange about half of the fakes (n, *shape) for earlier ones, once the pool is full."""
        return torch.stack([self.swap(fake) for fake in fakes.detach()])

    def swap(self, fake: Tensor) -> Tensor:
        """Add a fake to the pool; return it, or the earlier fake that it replaces."""
        filled = int(self.filled)
        if filled < len(self.kept):
            self.kept[filled] = fake
            self.filled += 1
            return fake
        if torch.rand(()) < 0.5:
            return fake
        slot = int(torch.randint(filled, ()))
        earlier = self.kept[slot].to(fake.dtype, copy=True)
        self.kept[slot] = fake
        return earlier
