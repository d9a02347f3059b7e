"""Images of any size through a translator of one size: by blended tiles, or as a whole."""

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from tqdm import tqdm

BATCH = 8  # tiles in one forward pass

Translate = Callable[[Tensor], Tensor]  # inputs (n, a, size, size) to outputs (n, b, size, size)


def by_tiles(translate: Translate, image: Tensor, size: int) -> Tensor:
    """Translate an image (a, h, w) in [-1, 1] by tiles of `size` pixels that overlap by half or
    more; an output (b, h, w), or k times larger where those of tiles are.

    Each output pixel is the average of its tiles by weights that fall to zero at the edges of a
    tile, so that no edge shows. Smaller images are extended by their last row and column.
    """
    height, width = image.shape[1:]
    missing = (0, max(0, size - width), 0, max(0, size - height))
    image = pad(image[None], missing, mode="replicate")[0]
    corners = list(product(*(positions(side, size) for side in image.shape[1:])))
    total = weights = window = torch.empty(0)
    k = 1
    chunks = [corners[i : i + BATCH] for i in range(0, len(corners), BATCH)]
    for chunk in tqdm(chunks, "tiles", leave=False, disable=None, delay=2):
        tiles = torch.stack([image[:, y : y + size, x : x + size] for y, x in chunk])
        outputs = translate(tiles)
        if not total.numel():
            k = outputs.shape[2] // size
            total = outputs.new_zeros(outputs.shape[1], *(k * side for side in image.shape[1:]))
            weights, window = torch.zeros_like(total[0]), blending(k * size).to(outputs)
        for (y, x), output in zip(chunk, outputs, strict=True):
            place = slice(k * y, k * (y + size)), slice(k * x, k * (x + size))
            total[:, *place] += output * window
            weights[place] += window
    return total.div_(weights)[:, : k * height, : k * width]


def as_a_whole(translate: Translate, image: Tensor, size: int, mode: str = "bilinear") -> Tensor:
    """Translate an image (a, h, w) that is resized to `size` pixels by the interpolation `mode`,
    and resize the output to (b, h, w). An oblong image is first extended to a square by its
    outermost pixels."""
    height, width = image.shape[1:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = pad(
        image[None], (left, side - width - left, top, side - height - top), mode="replicate"
    )
    small = interpolate(square, size=(size, size), mode=mode, antialias=mode != "nearest")
    output = interpolate(translate(small), size=(side, side), mode="bicubic", antialias=True)
    return output[0, :, top : top + height, left : left + width].clamp(-1, 1)


def positions(length: int, size: int) -> list[int]:
    """First pixels of the fewest tiles that cover `length` pixels at equal distances of at most
    half a tile."""
    steps = math.ceil((length - size) / (size / 2))
    return [round(i * (length - size) / max(1, steps)) for i in range(steps + 1)]


def blending(size: int) -> Tensor:
    """Weights (size, size) of a tile: a Hann window in both directions, above zero everywhere."""
    hann = torch.hann_window(size + 2, periodic=False)[1:-1]
    return hann[:, None] * hann
