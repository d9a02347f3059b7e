"""Images as people look at them: grids in PNG files."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from zoo.errors import ZooError
from zoo.files import replacing

BORDER = 2


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
    return make_grid(to_uint8(enlarged), nrow=columns, padding=BORDER, pad_value=255)


def save(picture: Tensor, path: Path) -> None:
    """Write a picture (1 or 3, h, w) in uint8 as PNG: beside the target first, then renamed."""
    with replacing(path) as beside:
        Image.fromarray(picture.permute(1, 2, 0).cpu().numpy()).save(beside, "PNG", optimize=True)


def read(path: Path) -> Tensor:
    """A PNG as (3, h, w) in uint8; raises ZooError."""
    try:
        with Image.open(path) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except OSError as error:
        raise ZooError(f"{path} is not a picture that can be read: {error}") from error


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """From each latent of a to that of b, both (n, latent), along great circles:
    (n * steps, latent). White, 2016, https://arxiv.org/abs/1609.04468"""
    t = torch.linspace(0, 1, steps, device=a.device)[None, :, None]
    a, b = a[:, None], b[:, None]
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)[..., None]
    angle = cosine.clamp(-0.9999, 0.9999).arccos()
    path = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return path.flatten(0, 1)
