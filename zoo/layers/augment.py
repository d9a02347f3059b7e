"""Augmentation that gradients pass through. Zhao et al., 2020, https://arxiv.org/abs/2006.10738"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo.errors import UnknownName


def color(x: Tensor) -> Tensor:
    """Brightness, saturation and contrast, each of every image its own."""
    brightness, saturation, contrast = torch.rand(3, len(x), 1, 1, 1).to(x)
    x = x + brightness - 0.5
    grey = x.mean(1, keepdim=True)
    x = grey + 2 * saturation * (x - grey)
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (contrast + 0.5) * (x - level)


def translation(x: Tensor) -> Tensor:
    """Up to an eighth of the size in both directions; what comes in is grey (zero)."""
    rows, columns = (shifted(len(x), side, x.device) for side in x.shape[2:])
    image = torch.arange(len(x), device=x.device)[:, None, None]
    framed = pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    return framed[image, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def shifted(n: int, side: int, device: torch.device) -> Tensor:
    """Which line of a framed image comes into each place (n, side); outside is the frame."""
    shift = torch.randint(-(side // 8), side // 8 + 1, (n, 1), device=device)
    return (torch.arange(side, device=device) + shift).clamp(-1, side) + 1


def cutout(x: Tensor) -> Tensor:
    """A square of half the size, its centre anywhere, is grey (zero)."""
    rows, columns = (covered(len(x), side, x.device) for side in x.shape[2:])
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


def covered(n: int, side: int, device: torch.device) -> Tensor:
    """Whether each line (n, side) is within a quarter of the side of a random one."""
    centre = torch.randint(side + 1, (n, 1), device=device)
    offset = torch.arange(side, device=device) - centre
    return (-(side // 4) <= offset) & (offset < side // 4)


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}


class DiffAugment(nn.Module):
    """What a discriminator sees of images (n, c, h, w), real or not: `policy`, in its order."""

    def __init__(self, policy: tuple[str, ...]) -> None:
        super().__init__()
        for name in policy:
            if name not in POLICIES:
                raise UnknownName("augmentation", name, POLICIES)
        self.policy = tuple(policy)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.policy:
            x = POLICIES[name](x)
        return x


def augmented(discriminator: nn.Module, policy: tuple[str, ...]) -> nn.Module:
    """The discriminator behind a policy, itself where that is empty."""
    return nn.Sequential(DiffAugment(policy), discriminator) if policy else discriminator
