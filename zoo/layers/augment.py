"""Differentiable augmentation. Zhao et al., 2020, https://arxiv.org/abs/2006.10738"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo.errors import UnknownName
from zoo.layers.ada import AdaptiveAugment


def color(x: Tensor) -> Tensor:
    """Change brightness, saturation and contrast of each image (n, c, h, w) at random."""
    brightness, saturation, contrast = torch.rand(3, len(x), 1, 1, 1).to(x)
    x = x + brightness - 0.5
    gray = x.mean(1, keepdim=True)
    x = gray + 2 * saturation * (x - gray)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (contrast + 0.5) * (x - mean)


def translation(x: Tensor) -> Tensor:
    """Translate images (n, c, h, w) by up to an eighth of their size; new pixels are gray (zero).

    Each image has its own random shift in both directions.
    """
    rows, columns = (shifted_indices(len(x), side, x.device) for side in x.shape[2:])
    image = torch.arange(len(x), device=x.device)[:, None, None]
    padded = pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1)  # channels last: (n, h + 2, w + 2, c)
    # indices (n, 1, 1), (n, h, 1) and (n, 1, w) broadcast to (n, h, w)
    return padded[image, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def shifted_indices(n: int, side: int, device: torch.device) -> Tensor:
    """Source index (n, side), in an image padded by one, of each row or column after a shift.

    Indices beyond the image are clamped to the padding: 0 or side + 1.
    """
    shift = torch.randint(-(side // 8), side // 8 + 1, (n, 1), device=device)
    return (torch.arange(side, device=device) + shift).clamp(-1, side) + 1


def cutout(x: Tensor) -> Tensor:
    """Set a square of half the size to gray (zero), at a random position in each image.

    Images are (n, c, h, w). The square's center is anywhere in the image, so that the square may
    extend beyond it.
    """
    rows, columns = (covered(len(x), side, x.device) for side in x.shape[2:])
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


def covered(n: int, side: int, device: torch.device) -> Tensor:
    """Mask (n, side) of the rows or columns within a quarter of the side of a random center."""
    center = torch.randint(side + 1, (n, 1), device=device)
    offset = torch.arange(side, device=device) - center
    return (-(side // 4) <= offset) & (offset < side // 4)


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}


class DiffAugment(nn.Module):
    """Apply the augmentations that `policy` names, in its order, to images (n, c, h, w).

    A discriminator sees real and fake images through it. Raises UnknownName for an unknown policy.
    """

    def __init__(self, policy: tuple[str, ...]) -> None:
        super().__init__()
        for name in policy:
            if name not in POLICIES:
                raise UnknownName("augmentation", name, [*POLICIES, "ada"])
        self.policy = tuple(policy)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.policy:
            x = POLICIES[name](x)
        return x


def augmented(discriminator: nn.Module, policy: tuple[str, ...]) -> nn.Module:
    """Prepend DiffAugment to a discriminator, or AdaptiveAugment for the policy `ada` alone, unless
    the policy is empty."""
    if not policy:
        return discriminator
    augment = AdaptiveAugment() if tuple(policy) == ("ada",) else DiffAugment(policy)
    return nn.Sequential(augment, discriminator)
