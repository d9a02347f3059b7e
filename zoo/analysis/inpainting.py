"""Filling the masked regions of an image of any size by a model of a central hole."""

import math

import torch
from scipy.ndimage import find_objects, label
from torch import Tensor
from torch.nn.functional import interpolate, pad

from zoo.checks import check_images
from zoo.core.restoration import SupportsInpainting
from zoo.errors import BadInput

EDGES_AND_CORNERS = torch.ones(3, 3).numpy()  # pixels that touch by a corner are one region


def inpaint(model: SupportsInpainting, image: Tensor, mask: Tensor, size: int) -> Tensor:
    """Fill the pixels of an image (3, h, w) in [-1, 1] where a mask (h, w) is True.

    Each connected region is filled by itself: the square around it, in which it covers the hole of
    the model, is resized to `size` pixels, the size of the model. Beyond the image it is extended
    by its outermost pixels. Other pixels do not change. Raises BadInput for a mask of another
    shape or number format, and for one without a pixel to fill or to keep.
    """
    check_images(image[None])
    check_mask(mask, image)
    filled = image.clone()
    regions, _ = label(mask.cpu().numpy(), EDGES_AND_CORNERS)
    for number, box in enumerate(find_objects(regions), 1):
        region = torch.from_numpy(regions == number).to(image.device)
        content = draw(model, filled, centered(box, model.hole_size(), size), size)
        filled = torch.where(region, content, filled)
    return filled


def check_mask(mask: Tensor, image: Tensor) -> None:
    """Raise BadInput for a mask that does not fit an image."""
    if mask.dtype != torch.bool or mask.shape != image.shape[1:]:
        raise BadInput(
            f"mask must be boolean of shape {tuple(image.shape[1:])}, got {mask.dtype} of shape "
            f"{tuple(mask.shape)}. Make one by `pixels > 127`"
        )
    if not mask.any() or mask.all():
        share = "no pixel" if not mask.any() else "every pixel"
        raise BadInput(f"mask must mark some pixels, not all, got {share}. Mark what to fill")


def centered(box: tuple[slice, slice], hole: int, size: int) -> tuple[int, int, int]:
    """The first row, the first column and the side in pixels of the square whose central hole
    covers a box; the hole is a share `hole / size` of the square."""
    rows, columns = box
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    side = math.ceil((longest + 2) * size / hole)  # one pixel of context on each side
    return (rows.start + rows.stop - side) // 2, (columns.start + columns.stop - side) // 2, side


def draw(
    model: SupportsInpainting, image: Tensor, square: tuple[int, int, int], size: int
) -> Tensor:
    """The image (3, h, w) with the output of the model in a square of it."""
    (top, left, side), (height, width) = square, image.shape[1:]
    beyond = max(0, -left), max(0, left + side - width), max(0, -top), max(0, top + side - height)
    extended = pad(image[None], beyond, mode="replicate")
    y, x = top + beyond[2], left + beyond[0]  # of the square in the extended image
    crop = extended[..., y : y + side, x : x + side]
    output = model.translate(interpolate(crop, size=(size, size), mode="bilinear", antialias=True))
    extended[..., y : y + side, x : x + side] = interpolate(
        output, size=(side, side), mode="bicubic", antialias=True
    ).clamp(-1, 1)
    return extended[0, :, beyond[2] : beyond[2] + height, beyond[0] : beyond[0] + width]
