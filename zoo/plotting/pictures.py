"""Images as people look at them: grids in PNG files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate, pad

from zoo.decoding import BadPicture, opened, quiet_decoders
from zoo.errors import ZooError
from zoo.files import atomic_write

BORDER = 2
PIXELS = 2**26  # of a picture that is read


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1] to rounded grey levels 0 to 255."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def grid(images: Tensor, columns: int = 8) -> Tensor:
    """Images (n, channels, size, size) in [-1, 1] to one picture (channels, h, w) in uint8.

    Images of fewer than 64 pixels are enlarged by a whole number, pixels staying square.
    """
    from torchvision.utils import make_grid

    scale = max(1, 64 // images.shape[-1])
    enlarged = interpolate(images, scale_factor=scale, mode="nearest")
    picture = make_grid(to_uint8(enlarged), nrow=columns, padding=BORDER, pad_value=255)
    return pad(picture, [BORDER] * 4, value=255) if len(images) == 1 else picture


def tiles(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    """The images of a grid (channels, H, W) in uint8, as `grid` arranged images of a size (h, w):
    (rows, columns, channels, h, w)."""
    scale = max(1, 64 // size[-1])  # as `grid` enlarges them
    height, width = (scale * side for side in size)
    inner = picture[:, BORDER:, BORDER:]  # then each tile is followed by its border
    rows = inner.unfold(1, height, height + BORDER).unfold(2, width, width + BORDER)
    return rows.permute(1, 2, 0, 3, 4)[..., ::scale, ::scale]


def rows(*sides: Tensor, columns: int = 8) -> Tensor:
    """Images of several sides, each (n, channels, size, size), as one: a row of the first, what
    became of it on the others below, then the next row; filled up with white."""
    white = sides[0].new_ones(-len(sides[0]) % columns, *sides[0].shape[1:])
    filled = [torch.cat([side, white]).unflatten(0, (-1, columns)) for side in sides]
    return torch.stack(filled, dim=1).flatten(0, 2)


def hstack(*pictures: Tensor, gap: int = 6) -> Tensor:
    """Pictures (channels, h, w) of one height in uint8, left to right, white between them."""
    white = pictures[0].new_full((*pictures[0].shape[:2], gap), 255)
    parts = [part for picture in pictures for part in (white, picture)]
    return torch.cat(parts[1:], dim=2)


def vstack(*pictures: Tensor, gap: int = 12) -> Tensor:
    """Pictures (3, h, w) in uint8, each below the other, in the middle of white."""
    width = max(picture.shape[2] for picture in pictures)
    lines = []
    for picture in pictures:
        left = (width - picture.shape[2]) // 2
        sides = (left, width - picture.shape[2] - left, gap, 0)
        lines.append(pad(picture, sides, value=255))
    return torch.cat(lines, dim=1)


def captioned(picture: Tensor, captions: Sequence[str]) -> Tensor:
    """A picture (3, h, w) in uint8 of as many rows as captions, these to the left of them."""
    font, height = ImageFont.load_default(16), picture.shape[1] / len(captions)
    width = round(max(font.getlength(words) for words in captions)) + 12
    margin = Image.new("RGB", (width, picture.shape[1]), "white")
    pen = ImageDraw.Draw(margin)
    for row, words in enumerate(captions):
        pen.text((width - 8, (row + 0.5) * height), words, "#404040", font, "rm")
    left = torch.from_numpy(np.array(margin)).permute(2, 0, 1)
    return torch.cat([left, picture.cpu()], dim=2)


def save(picture: Tensor, path: Path) -> None:
    """Write a picture (1 or 3, h, w) in uint8 as PNG: beside the target first, then renamed."""
    levels = picture.permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(levels[:, :, 0] if (levels == levels[:, :, :1]).all() else levels)
    if image.mode == "RGB" and image.getcolors(256):
        image = image.convert("P", palette=Image.Palette.ADAPTIVE)
    with atomic_write(path) as beside:
        image.save(beside, "PNG", optimize=True)


def read(path: Path) -> Tensor:
    """A PNG as (3, h, w) in uint8; raises ZooError."""
    try:
        with quiet_decoders(), opened(path, ("PNG",)) as image:
            if image.width * image.height > PIXELS:
                raise BadPicture(f"has more than {PIXELS:,} pixels")
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except BadPicture as fault:
        raise ZooError(f"{path} is not a picture that can be read: it {fault}") from fault
