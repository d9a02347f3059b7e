"""What compression costs and keeps: bits of codes, and how near the images come back."""

import math

import torch
from torch import Tensor

from zoo.checks import check_images
from zoo.errors import BadInput
from zoo.losses.reconstruction import pixel_error
from zoo.metrics.checks import require_finite, require_images


def psnr(images: Tensor, true: Tensor) -> Tensor:
    """Peak signal to noise ratio of each of the images (n, channels, h, w) in [-1, 1], in
    decibels: (n,). Equal images are infinitely good. Raises BadInput for other numbers than
    floating-point ones and for sides of different shapes, and NotFinite."""
    for side in (images, true):
        check_images(side, values=False)
    if images.shape != true.shape:
        found = f"{tuple(images.shape)} and {tuple(true.shape)}"
        raise BadInput(f"images must be of one shape on both sides, got {found}. Resize one side")
    require_finite("a PSNR", images, true)
    return -10 * pixel_error(images, true).log10()


def quantized(codes: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Codes (n, latent) on 2^bits even steps from the least to the greatest value of each latent:
    which step (n, latent), from 0 on, and its middle (n, latent)."""
    require_images("a quantisation", 1, codes)
    require_finite("a quantisation", codes)
    least, greatest = codes.amin(0), codes.amax(0)
    width = ((greatest - least) / 2**bits).clamp(min=1e-12)
    steps = ((codes - least) / width).long().clamp(0, 2**bits - 1)
    return steps, least + (steps + 0.5) * width


def entropy(symbols: Tensor) -> float:
    """Bits that an ideal entropy coder takes for one row of symbols (n, places), whole numbers
    from 0 on: each place has its own frequencies, which coder and decoder know.

    Shannon, 1948, section 7, https://doi.org/10.1002/j.1538-7305.1948.tb01338.x
    """
    require_images("an entropy", 1, symbols)
    counts = (torch.bincount(place).double() / len(symbols) for place in symbols.T)
    return sum(float(torch.special.entr(shares).sum()) for shares in counts) / math.log(2)
