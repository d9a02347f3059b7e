"""Colors of label maps, by which people see them and paint them."""

from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.decoding import BadPicture, upright

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
    red, green, blue = pixels.long().unbind(1)
    keys = red << 16 | green << 8 | blue
    r, g, b = palette().long().unbind(1)
    label_of = torch.full((1 << 24,), -1, dtype=torch.int16)
    label_of[r << 16 | g << 8 | b] = torch.arange(LABELS, dtype=torch.int16)
    labels = label_of[keys]
    if (unknown := keys[labels < 0]).numel():
        raise BadPicture(
            f"must have the colors of labels, got #{int(unknown[0]):06x}. Paint without "
            "antialiasing, or save a gray picture of label numbers"
        )
    return labels.to(torch.uint8)[:, None]


def read_labels(image: Image.Image, labels: int) -> np.ndarray:
    """The label map (h, w) in uint8 of an opened picture: the numbers of a gray one or of one with
    a palette, else the labels of its colors. Raises BadPicture for labels >= `labels`."""
    if image.mode in ("1", "L", "P"):
        found = np.asarray(image, dtype=np.uint8)
    else:
        pixels = torch.from_numpy(np.array(upright(image))).permute(2, 0, 1)
        found = from_colors(pixels[None])[0, 0].numpy()
    if found.size and int(found.max()) >= labels:
        raise BadPicture(f"must have labels from 0 to {labels - 1}, got {int(found.max())}")
    return found
