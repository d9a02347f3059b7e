"""Rate and distortion of compression: bits of quantized codes and PSNR."""

import math

import torch
from torch import Tensor

from zoo.checks import check_images
from zoo.errors import BadInput
from zoo.losses.reconstruction import pixel_error
from zoo.metrics.checks import require_finite, require_images


def psnr(images: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio (n,) in decibels, infinite for equal images.

    Both arguments are images (n, channels, h, w) in [-1, 1]. Raises BadInput unless both are
    floating-point images of one shape, and NotFinite.
    """
    for side in (images, target):
        check_images(side, values=False)
    if images.shape != target.shape:
        got = f"{tuple(images.shape)} and {tuple(target.shape)}"
        raise BadInput(f"images must be of one shape on both sides, got {got}. Resize one side")
    require_finite("a PSNR", images, target)
    return -10 * pixel_error(images, target).log10()


def quantize(codes: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Quantize codes (n, latent) uniformly to 2^bits intervals over the range of each latent.

    Returns the index (n, latent) of each interval, from 0, and its center (n, latent). Raises
    NotEnough for n < 1, and NotFinite.
    """
    require_images("a quantization", 1, codes)
    require_finite("a quantization", codes)
    low, high = codes.amin(0), codes.amax(0)
    width = ((high - low) / 2**bits).clamp(min=1e-12)  # of a constant latent it would be zero
    indices = ((codes - low) / width).long().clamp(0, 2**bits - 1)
    return indices, low + (indices + 0.5) * width


def entropy(symbols: Tensor) -> float:
    """Bits of one row of symbols (n, positions), whole numbers from 0, with an ideal entropy coder.

    Encoder and decoder know the frequencies of the symbols at each position. Shannon, 1948,
    section 7, https://doi.org/10.1002/j.1538-7305.1948.tb01338.x. Raises NotEnough for n < 1.
    """
    require_images("an entropy", 1, symbols)
    histograms = (torch.bincount(column).double() / len(symbols) for column in symbols.T)
    return sum(float(torch.special.entr(p).sum()) for p in histograms) / math.log(2)
