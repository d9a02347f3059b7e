"""Images as few bits: an autoencoder's codes, quantised, against JPEG."""

import io
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad

from zoo.core.module import CHUNK
from zoo.core.protocols import Codec, HasCodePrior, Quantizes
from zoo.metrics.rates import entropy, psnr, quantize

QUALITIES = (1, 2, 4, 6, 8, 10, 12, 15, 17, 20, 25, 30, 35, 40, 50, 60, 70, 80)
BLOCK = 8  # JPEG's
SHOWN = 8


class Compressed(NamedTuple):
    """How it was done, bits per pixel, PSNR in decibels (the mean over images), and the first
    images that came back, in [-1, 1]."""

    how: str
    bits: float
    psnr: float
    images: Tensor


def by_codes(model: Codec, x: Tensor) -> Iterator[Compressed]:
    """Images x, by codes of 1 to 6 bits a latent, or in the entries of the model's codebook.

    Bits are what an ideal entropy coder would take that knows how often each symbol comes.
    """
    pixels = x.shape[-1] * x.shape[-2]
    if isinstance(model, Quantizes):
        yield from by_entries(model, model.decode(model.encode(x)), x)
        return
    codes = model.encode(x)
    for depth in range(1, 7):
        symbols, middles = quantize(codes, depth)
        bits = entropy(symbols.cpu()) / pixels
        yield compressed(f"{depth}-bit codes", bits, model.decode(middles), x)


def by_entries(model: Quantizes, again: Tensor, x: Tensor) -> Iterator[Compressed]:
    """Images x, which came back as `again`, in the entries of a codebook: each as long as it is
    rare and, where the model has a prior, as long as it is unlikely after those before it."""
    pixels, entries = x.shape[-1] * x.shape[-2], model.encode_indices(x)
    places = entries.flatten(1).cpu()
    bits = entropy(places.reshape(-1, 1)) * places.shape[1] / pixels
    yield compressed(f"entries of {model.codebook_entries()}", bits, again, x)
    if isinstance(model, HasCodePrior):
        with torch.no_grad():
            nats = torch.cat([model.code_nll(few) for few in entries.split(CHUNK)]).mean()
        yield compressed("by the prior", float(nats) / math.log(2) / pixels, again, x)


def by_jpeg(x: Tensor) -> Iterator[Compressed]:
    """Images x by JPEG, all in one file, so that they share its header; also made smaller by 2 and
    by 4 first, which pays where bits are few."""
    for shrink in (1, 2, 4):
        small = interpolate(x, scale_factor=1 / shrink, mode="area") if shrink > 1 else x
        for quality in QUALITIES:
            size, again = through_jpeg(small, quality)
            full = interpolate(again, x.shape[-2:], mode="bicubic") if shrink > 1 else again
            how = f"JPEG {quality}" + (f" at 1/{shrink}" if shrink > 1 else "")
            bits = 8 * size / (len(x) * x.shape[-1] * x.shape[-2])
            yield compressed(how, bits, full.clamp(-1, 1), x)


def through_jpeg(x: Tensor, quality: int) -> tuple[int, Tensor]:
    """The bytes of images (n, 1 or 3, h, w) in [-1, 1] in one JPEG, and the images out of it."""
    n, channels, h, w = x.shape
    columns = math.ceil(n**0.5)
    right, bottom = -w % BLOCK, -h % BLOCK  # whole blocks, so that images do not disturb each other
    tiles = pad(x, (0, right, 0, bottom), mode="replicate")
    tiles = torch.cat([tiles, tiles[-1:].expand(-n % columns, -1, -1, -1)])
    tall, wide = h + bottom, w + right
    sheet = tiles.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    levels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
    file = io.BytesIO()
    image = Image.fromarray(levels[..., 0] if channels == 1 else levels)
    image.save(file, "JPEG", quality=quality, optimize=True)
    again = torch.from_numpy(np.array(Image.open(file, formats=["JPEG"]))).reshape(
        -1, tall, columns, wide, channels
    )
    again = again.permute(0, 2, 4, 1, 3).flatten(0, 1)[:n, :, :h, :w]
    return file.tell(), again.to(x) / 127.5 - 1


def best_within(bits: float, ways: list[Compressed]) -> Compressed | None:
    """The best of several ways that take no more bits; none where all take more."""
    fitting = [way for way in ways if way.bits <= bits]
    return max(fitting, key=lambda way: way.psnr) if fitting else None


def frontier(ways: list[Compressed]) -> list[Compressed]:
    """The ways that no cheaper one betters, by their bits."""
    kept: list[Compressed] = []
    for way in sorted(ways, key=lambda way: way.bits):
        if not kept or way.psnr > kept[-1].psnr:
            kept.append(way)
    return kept


def compressed(how: str, bits: float, images: Tensor, true: Tensor) -> Compressed:
    return Compressed(how, bits, float(psnr(images, true).mean()), images[:SHOWN].cpu())
