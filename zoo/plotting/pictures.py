"""Pictures in PNG files: grids of images, rows, captions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate, pad

from zoo.decoding import BadPicture, alpha, opened, quiet_decoders, upright
from zoo.errors import ZooError
from zoo.files import atomic_write

BORDER = 2  # pixels between the images of a grid
PIXELS = 2**26  # largest picture that `read` and `read_any` decode
WRITTEN = {  # formats of `save_any` by ending, with the settings of Pillow
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".bmp": ("BMP", {}),
}
OPAQUE = ("JPEG", "BMP")  # formats without opacity


def to_uint8(images: Tensor) -> Tensor:
    """Convert images in [-1, 1] to rounded gray levels 0 to 255 in uint8; clips other values."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def grid(images: Tensor, columns: int = 8) -> Tensor:
    """Arrange images (n, channels, size, size) in [-1, 1] as one picture (channels, h, w) in uint8.

    Images smaller than 64 pixels are enlarged by a whole factor, without interpolation.
    """
    from torchvision.utils import make_grid

    scale = max(1, 64 // images.shape[-1])
    enlarged = interpolate(images, scale_factor=scale, mode="nearest")
    picture = make_grid(to_uint8(enlarged), nrow=columns, padding=BORDER, pad_value=255)
    return pad(picture, [BORDER] * 4, value=255) if len(images) == 1 else picture


def tiles(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    """Split a picture (channels, H, W) of `grid` into its images, each of a size (h, w).

    Returns (rows, columns, channels, h, w) in uint8; inverts `grid`.
    """
    scale = max(1, 64 // size[-1])  # as `grid` enlarges them
    height, width = (scale * side for side in size)
    inner = picture[:, BORDER:, BORDER:]  # then each tile is followed by its border
    rows = inner.unfold(1, height, height + BORDER).unfold(2, width, width + BORDER)
    return rows.permute(1, 2, 0, 3, 4)[..., ::scale, ::scale]


def rows(*sides: Tensor, columns: int = 8) -> Tensor:
    """Interleave images of several sides, each (n, channels, size, size), in rows of `columns`.

    A row of the first side is followed by the same images of the other sides, then by the next
    row. White images fill the last row.
    """
    white = sides[0].new_ones(-len(sides[0]) % columns, *sides[0].shape[1:])
    filled = [torch.cat([side, white]).unflatten(0, (-1, columns)) for side in sides]
    return torch.stack(filled, dim=1).flatten(0, 2)  # from (rows, sides, columns, c, h, w)


def hstack(*pictures: Tensor, gap: int = 6) -> Tensor:
    """Concatenate pictures (channels, h, w) of one height in uint8 from left to right.

    White columns of width `gap` separate them.
    """
    white = pictures[0].new_full((*pictures[0].shape[:2], gap), 255)
    parts = [part for picture in pictures for part in (white, picture)]
    return torch.cat(parts[1:], dim=2)


def vstack(*pictures: Tensor, gap: int = 12) -> Tensor:
    """Concatenate pictures (3, h, w) in uint8 from top to bottom, centered on white.

    White rows of height `gap` separate them.
    """
    width = max(picture.shape[2] for picture in pictures)
    lines = []
    for picture in pictures:
        left = (width - picture.shape[2]) // 2
        sides = (left, width - picture.shape[2] - left, gap, 0)
        lines.append(pad(picture, sides, value=255))
    return torch.cat(lines, dim=1)


def add_captions(picture: Tensor, captions: Sequence[str]) -> Tensor:
    """Add a caption to the left of each row of a picture (3, h, w) in uint8.

    The rows have equal heights; there are as many rows as captions.
    """
    font, height = ImageFont.load_default(16), picture.shape[1] / len(captions)
    width = round(max(font.getlength(caption) for caption in captions)) + 12
    margin = Image.new("RGB", (width, picture.shape[1]), "white")
    pen = ImageDraw.Draw(margin)
    for row, caption in enumerate(captions):
        pen.text((width - 8, (row + 0.5) * height), caption, "#404040", font, "rm")
    left = torch.from_numpy(np.array(margin)).permute(2, 0, 1)
    return torch.cat([left, picture.cpu()], dim=2)


def save(picture: Tensor, path: Path) -> None:
    """Write a picture (1 or 3, h, w) in uint8 as PNG, atomically.

    Gray pictures and those of at most 256 colors are stored losslessly with one byte a pixel.
    """
    levels = picture.permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(levels[:, :, 0] if (levels == levels[:, :, :1]).all() else levels)
    if image.mode == "RGB" and image.getcolors(256):
        image = image.convert("P", palette=Image.Palette.ADAPTIVE)
    with atomic_write(path) as temporary:
        image.save(temporary, "PNG", optimize=True)


def read(path: Path) -> Tensor:
    """Read a PNG as (3, h, w) in uint8; raises ZooError for other and for broken files."""
    try:
        with quiet_decoders(), opened(path, ("PNG",)) as image:
            if image.width * image.height > PIXELS:
                raise BadPicture(f"has more than {PIXELS:,} pixels")
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except BadPicture as error:
        raise ZooError(f"{path} must be a PNG picture, but it {error}. Write it again") from error


def read_any(path: Path) -> tuple[Tensor, Tensor | None]:
    """Read a picture of any format as (3, h, w) in uint8, upright, with transparent parts on white,
    and its opacity (h, w) in uint8, None where it is opaque; raises BadPicture."""
    with opened(path) as image:
        if image.width * image.height > PIXELS:
            raise BadPicture(f"has more than {PIXELS:,} pixels")
        pixels, opacity = np.array(upright(image)), alpha(image)
    levels = torch.from_numpy(pixels).permute(2, 0, 1)
    return levels, None if opacity is None else torch.from_numpy(opacity.copy())


def save_any(picture: Tensor, opacity: Tensor | None, path: Path) -> None:
    """Write a picture (1 or 3, h, w) in uint8, atomically, in the format of its ending, with an
    opacity (h, w) in uint8 where the format has one. Raises ZooError for other endings."""
    if path.suffix.lower() not in WRITTEN:
        raise ZooError(f"{path} must end in {', '.join(WRITTEN)}, got {path.suffix or 'no ending'}")
    name, settings = WRITTEN[path.suffix.lower()]
    levels = picture.permute(1, 2, 0).numpy()
    image = Image.fromarray(levels[:, :, 0] if len(picture) == 1 else levels)
    if opacity is not None and name not in OPAQUE:
        image.putalpha(Image.fromarray(opacity.numpy()))
    with atomic_write(path) as temporary:
        image.save(temporary, name, **settings)
