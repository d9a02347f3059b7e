"""Resampling with a low-pass filter. Zhang, 2019, https://arxiv.org/abs/1904.11486

The filter is [1, 3, 3, 1] / 8 in both directions, as in Karras et al., 2020, and beyond the border
maps are zero.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def kernel(x: Tensor) -> Tensor:
    """The filter for each channel of maps (n, c, h, w): (c, 1, 4, 4)."""
    return TAPS.outer(TAPS).to(x).expand(x.shape[1], 1, 4, 4)


def blur(x: Tensor, padding: int, stride: int = 1) -> Tensor:
    """Filter maps (n, c, h, w) with `padding` zeros on each side, which adds 2 * padding - 3 pixels
    to the sides; keep every pixel that is a multiple of `stride`."""
    return conv2d(x, kernel(x), padding=padding, stride=stride, groups=x.shape[1])


def upsample(x: Tensor) -> Tensor:
    """Double the resolution of maps (n, c, h, w), with zeros between the pixels before the filter;
    its gain of 4 keeps the brightness."""
    return conv_transpose2d(x, 4 * kernel(x), padding=1, stride=2, groups=x.shape[1])


def downsample(x: Tensor) -> Tensor:
    """Halve the resolution of maps (n, c, h, w) behind the filter."""
    return blur(x, padding=1, stride=2)
