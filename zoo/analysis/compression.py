"""Image compression by the quantized codes of an autoencoder, compared with JPEG."""

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
BLOCK = 8  # side of a block in JPEG, in pixels
SHOWN = 8  # images that are shown


class Compressed(NamedTuple):
    """Rate and distortion of one compression method."""

    method: str
    bits: float  # per pixel
    psnr: float  # in decibels, the mean over images
    images: Tensor  # the first decompressed images, in [-1, 1]


def by_codes(model: Codec, x: Tensor) -> Iterator[Compressed]:
    """Compress images x (n, channels, size, size) in [-1, 1] by the codes of a model.

    Codes are quantized to 1 to 6 bits a latent, or are codebook entries. The bits are those of an
    ideal entropy coder that knows the frequencies of the symbols.
    """
    pixels = x.shape[-1] * x.shape[-2]
    if isinstance(model, Quantizes):
        yield from by_entries(model, model.decode(model.encode(x)), x)
        return
    codes = model.encode(x)
    for depth in range(1, 7):
        symbols, centers = quantize(codes, depth)
        bits = entropy(symbols.cpu()) / pixels
        yield to_compressed(f"{depth}-bit codes", bits, model.decode(centers), x)


def by_entries(model: Quantizes, reconstruction: Tensor, x: Tensor) -> Iterator[Compressed]:
    """Compress images x by codebook entries, with a reconstruction of the same shape.

    The bits follow from the frequencies of the entries and, if the model has a prior, from the
    negative log-likelihood of each image's entries under the prior.
    """
    pixels, entries = x.shape[-1] * x.shape[-2], model.encode_indices(x)
    flat = entries.flatten(1).cpu()  # (n, positions)
    # one histogram for all positions, so that symbols are (n * positions, 1)
    bits = entropy(flat.reshape(-1, 1)) * flat.shape[1] / pixels
    yield to_compressed(f"entries of {model.codebook_entries()}", bits, reconstruction, x)
    if isinstance(model, HasCodePrior):
        with torch.no_grad():
            nats = torch.cat([model.code_nll(chunk) for chunk in entries.split(CHUNK)]).mean()
        bits = float(nats) / math.log(2) / pixels
        yield to_compressed("by the prior", bits, reconstruction, x)


def by_jpeg(x: Tensor) -> Iterator[Compressed]:
    """Compress images x (n, 1 or 3, h, w) in [-1, 1] by JPEG, all in one file with one header.

    The images are also downsampled by 2 and by 4 first, which is better at few bits.
    """
    for shrink in (1, 2, 4):
        small = interpolate(x, scale_factor=1 / shrink, mode="area") if shrink > 1 else x
        for quality in QUALITIES:
            size, decoded = through_jpeg(small, quality)
            full = interpolate(decoded, x.shape[-2:], mode="bicubic") if shrink > 1 else decoded
            method = f"JPEG {quality}" + (f" at 1/{shrink}" if shrink > 1 else "")
            bits = 8 * size / (len(x) * x.shape[-1] * x.shape[-2])
            yield to_compressed(method, bits, full.clamp(-1, 1), x)


def through_jpeg(x: Tensor, quality: int) -> tuple[int, Tensor]:
    """Encode images (n, 1 or 3, h, w) in [-1, 1] as one JPEG; return its bytes and the images."""
    n, channels, h, w = x.shape
    columns = math.ceil(n**0.5)
    # padded to whole blocks, so that no block has pixels of two images
    right, bottom = -w % BLOCK, -h % BLOCK
    tiles = pad(x, (0, right, 0, bottom), mode="replicate")
    tiles = torch.cat([tiles, tiles[-1:].expand(-n % columns, -1, -1, -1)])  # full rows
    height, width = h + bottom, w + right
    # (rows, columns, c, height, width) to (rows, height, columns, width, c), then to one sheet
    sheet = tiles.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    levels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
    file = io.BytesIO()
    image = Image.fromarray(levels[..., 0] if channels == 1 else levels)
    image.save(file, "JPEG", quality=quality, optimize=True)
    decoded = torch.from_numpy(np.array(Image.open(file, formats=["JPEG"])))
    decoded = decoded.reshape(-1, height, columns, width, channels)
    decoded = decoded.permute(0, 2, 4, 1, 3).flatten(0, 1)[:n, :, :h, :w]  # inverts the above
    return file.tell(), decoded.to(x) / 127.5 - 1


def best_within(bits: float, candidates: list[Compressed]) -> Compressed | None:
    """Candidate with the highest PSNR among those with at most `bits`; None without any."""
    fitting = [candidate for candidate in candidates if candidate.bits <= bits]
    return max(fitting, key=lambda candidate: candidate.psnr) if fitting else None


def frontier(candidates: list[Compressed]) -> list[Compressed]:
    """Pareto frontier: candidates with a higher PSNR than all with fewer bits, sorted by bits."""
    front: list[Compressed] = []
    for candidate in sorted(candidates, key=lambda candidate: candidate.bits):
        if not front or candidate.psnr > front[-1].psnr:
            front.append(candidate)
    return front


def to_compressed(method: str, bits: float, images: Tensor, target: Tensor) -> Compressed:
    """Measure the PSNR of decompressed images with respect to a target of the same shape."""
    return Compressed(method, bits, float(psnr(images, target).mean()), images[:SHOWN].cpu())
