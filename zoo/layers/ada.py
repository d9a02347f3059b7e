"""Adaptive discriminator augmentation. Karras et al., 2020, https://arxiv.org/abs/2006.06676

Each transform applies to each image with probability p, which `zoo.callbacks.AdaptAugmentation`
raises while the discriminator overfits. The transforms are the groups "pixel blitting", "general
geometric" and "color" of appendix B (`bgc`); images are sampled bilinearly, without the authors'
wavelet filter, and mirrored at the border.
"""

import math

import torch
from torch import Tensor, nn

LN2 = math.log(2)


class AdaptiveAugment(nn.Module):
    """Augment images (n, c, h, w) by eleven transforms, each with probability `p` in [0, 1]."""

    p: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("p", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return recolor(warp(x, geometry(x, self.p)), colors(x, self.p))


def chosen(x: Tensor, p: Tensor) -> Tensor:
    """Which of n images a transform applies to, (n,) in bool."""
    return torch.rand(len(x), device=x.device) < p


def geometry(x: Tensor, p: Tensor) -> Tensor:
    """Matrices (n, 3, 3) from places in the result to places in the image, both in [-1, 1]."""
    n, (h, w), device = len(x), x.shape[2:], x.device

    def normal(std: float) -> Tensor:
        return std * torch.randn(n, device=device)

    def uniform(limit: float) -> Tensor:
        return limit * (2 * torch.rand(n, device=device) - 1)

    def whole(side: int) -> Tensor:  # a shift by whole pixels of 2 / side, up to an eighth of it
        return (uniform(0.125) * side).round() * 2 / side

    flip = 1 - 2.0 * torch.randint(2, (n,), device=device)
    size, stretch = normal(0.2 * LN2).exp(), normal(0.2 * LN2).exp()
    twice = 1 - (1 - p).sqrt()  # each of two rotations has it, so that one of them has p
    steps = (
        (p, scaling(flip, flip.abs())),
        (p, rotation(torch.randint(4, (n,), device=device) * (math.pi / 2))),
        (p, shift(whole(w), whole(h))),
        (p, scaling(size, size)),
        (twice, rotation(uniform(math.pi))),
        (p, scaling(stretch, 1 / stretch)),
        (twice, rotation(uniform(math.pi))),
        (p, shift(normal(0.25), normal(0.25))),  # an eighth of the side
    )
    matrix = identity = torch.eye(3, device=device).expand(n, 3, 3)
    for probability, step in steps:
        matrix = matrix @ torch.where(chosen(x, probability)[:, None, None], step, identity)
    return matrix


def scaling(a: Tensor, b: Tensor) -> Tensor:
    """Matrices (n, 3, 3) that scale both coordinates."""
    return torch.stack([a, b, torch.ones_like(a)], 1).diag_embed()


def rotation(angle: Tensor) -> Tensor:
    """Matrices (n, 3, 3) that rotate by angles (n,)."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1]
    return torch.stack(rows, 1).unflatten(1, (3, 3))


def shift(a: Tensor, b: Tensor) -> Tensor:
    """Matrices (n, 3, 3) that add to both coordinates."""
    zero = torch.zeros_like(a)
    rows = [zero + 1, zero, a, zero, zero + 1, b, zero, zero, zero + 1]
    return torch.stack(rows, 1).unflatten(1, (3, 3))


def warp(x: Tensor, matrix: Tensor) -> Tensor:
    """Images (n, c, h, w) sampled at the places to which the matrices (n, 3, 3) map their pixels.

    `torch.nn.functional.grid_sample` has no second derivative, which R1 needs; a gather has one.
    """
    h, w = x.shape[2:]
    rows, columns = ((torch.arange(k, device=x.device) * 2 + 1) / k - 1 for k in (h, w))  # centers
    x_, y_ = torch.meshgrid(columns, rows, indexing="xy")
    grid = torch.stack([x_, y_, torch.ones_like(x_)])  # (3, h, w)
    places = matrix[:, :2] @ grid.flatten(1)  # (n, 2, h w)
    column, row = (((places[:, i] + 1) * k - 1) / 2 for i, k in enumerate((w, h)))
    left, top = column.floor(), row.floor()
    right, bottom = column - left, row - top  # weights of the right and the lower neighbors
    corners = (
        (top, left, (1 - bottom) * (1 - right)),
        (top, left + 1, (1 - bottom) * right),
        (top + 1, left, bottom * (1 - right)),
        (top + 1, left + 1, bottom * right),
    )
    pixels = x.flatten(2)  # (n, c, h w)
    out = torch.zeros_like(pixels)
    for r, c, weight in corners:
        index = (reflect(r, h) * w + reflect(c, w))[:, None].expand_as(pixels)
        out = out + pixels.gather(2, index) * weight[:, None].to(x.dtype)
    return out.view_as(x)


def reflect(index: Tensor, size: int) -> Tensor:
    """Indices of pixels, mirrored beyond the border: -1 is 0, `size` is size - 1."""
    index = index.long() % (2 * size)
    return torch.where(index < size, index, 2 * size - 1 - index)


def colors(x: Tensor, p: Tensor) -> Tensor:
    """Matrices (n, 3, 4) from colors of the image, with a 1 below, to colors of the result."""
    n, device = len(x), x.device
    v = torch.full((3, 1), 3**-0.5, device=device)  # the gray axis
    gray, identity = v @ v.T, torch.eye(3, device=device)

    def normal(std: float) -> Tensor:
        return std * torch.randn(n, 1, 1, device=device)

    angle = math.pi * (2 * torch.rand(n, 1, 1, device=device) - 1)
    # the cross product with the gray axis (1, 1, 1) / sqrt(3)
    cross = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=device) * 3**-0.5
    flipped = identity - 2 * gray * torch.randint(2, (n, 1, 1), device=device)
    steps = (
        normal(0.5 * LN2).exp() * identity,  # contrast
        flipped,  # luma flip
        gray + angle.cos() * (identity - gray) + angle.sin() * cross,  # hue
        gray + normal(LN2).exp() * (identity - gray),  # saturation
    )
    brightness = normal(0.2) * chosen(x, p)[:, None, None]
    matrix = torch.cat([identity.expand(n, 3, 3), brightness.expand(n, 3, 1)], 2)
    for step in steps:
        matrix = torch.where(chosen(x, p)[:, None, None], step @ matrix, matrix)
    return matrix


def recolor(x: Tensor, matrix: Tensor) -> Tensor:
    """Colors of images (n, 3 or 1, h, w) by matrices (n, 3, 4); gray images take the mean row."""
    if x.shape[1] != 3:
        matrix = matrix.mean(1, keepdim=True)  # (n, 1, 4)
        scale, offset = matrix[:, :, :3].sum(2), matrix[:, :, 3]
        return x * scale[..., None, None].to(x.dtype) + offset[..., None, None].to(x.dtype)
    mixed = matrix[:, :, :3].to(x.dtype) @ x.flatten(2) + matrix[:, :, 3:].to(x.dtype)
    return mixed.view_as(x)
