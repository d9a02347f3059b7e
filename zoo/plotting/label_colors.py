"""Colors of label maps, by which people see them and paint them."""

from contextlib import nullcontext, suppress
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.decoding import BadPicture, upright
from zoo.plotting.pictures import PIXELS

LABELS = 256  # most labels of a map


@cache
def palette() -> Tensor:
    """The colors (256, 3) of labels in uint8, those of the maps of PASCAL VOC: the bits of a label
    are distributed over red, green and blue, the lowest ones to their highest bits."""
    labels = torch.arange(LABELS)
    colors = torch.zeros(LABELS, 3, dtype=torch.int64)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= (labels >> (3 * bit + channel) & 1) << (7 - bit)
    return colors.to(torch.uint8)


def to_colors(maps: Tensor) -> Tensor:
    """Label maps (n, 1, h, w) as images (n, 3, h, w) in uint8."""
    return palette().to(maps.device)[maps[:, 0].long()].permute(0, 3, 1, 2)


def from_colors(pixels: Tensor) -> Tensor:
    """The label maps (n, 1, h, w) in uint8 of images (n, 3, h, w) in uint8; raises BadPicture for a
    color that is none of the palette's."""
    keys = numbers(pixels)
    order = numbers(palette()[None].mT)[0].sort()
    at = torch.searchsorted(order.values, keys).clamp(max=LABELS - 1)
    labels = order.indices[at].where(order.values[at] == keys, -1)
    if (unknown := keys[labels < 0]).numel():
        raise BadPicture(
            f"must have the colors of labels, got #{int(unknown[0]):06x}. Paint without "
            "antialiasing, or save a gray picture of label numbers"
        )
    return labels.to(torch.uint8)[:, None]


def numbers(pixels: Tensor) -> Tensor:
    """The colors of images (n, 3, ...) in uint8 as numbers (n, ...) of 24 bits."""
    red, green, blue = pixels.long().unbind(1)
    return red << 16 | green << 8 | blue


def read_labels(image: Image.Image, labels: int) -> np.ndarray:
    """The label map (h, w) in uint8 of an opened picture: the labels of its colors, else the
    numbers of a gray one or of one with a palette. Raises BadPicture for labels >= `labels`."""
    if image.width * image.height > PIXELS:
        raise BadPicture(f"has more than {PIXELS:,} pixels")
    is_numbered = image.mode in ("1", "L", "P")
    found = np.asarray(image, dtype=np.uint8) if is_numbered else np.empty(0, np.uint8)
    if image.mode not in ("1", "L"):
        pixels = torch.from_numpy(np.array(upright(image))).permute(2, 0, 1)
        with suppress(BadPicture) if is_numbered else nullcontext():
            found = from_colors(pixels[None])[0, 0].numpy()
    if found.size and int(found.max()) >= labels:
        raise BadPicture(f"must have labels from 0 to {labels - 1}, got {int(found.max())}")
    return found
