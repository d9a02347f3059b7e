"""Clips as film strips and animated GIFs."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from zoo.files import atomic_write
from zoo.plotting import pictures

DURATION = 150  # milliseconds of a frame
MARK = (238, 127, 45)  # the color of the frame around predicted images
BORDER = 2  # pixels of that frame, and between clips


def film_strips(clips: Tensor, columns: int) -> Tensor:
    """Clips (n, t, c, h, w) in [-1, 1] as one picture (c, H, W) in uint8: a row for each, of up to
    `columns` frames at equal distances, the first and the last among them."""
    shown = torch.linspace(0, clips.shape[1] - 1, min(columns, clips.shape[1])).round().long()
    return pictures.grid(clips[:, shown].flatten(0, 1), len(shown))


def save_gif(clips: Tensor, given: int, columns: int, path: Path) -> None:
    """Write clips (n, t, c, h, w) in [-1, 1], side by side, as a looping GIF; frames after the
    first `given` have a colored border."""
    clips = clips.cpu().expand(-1, -1, 3, -1, -1)
    frames = []
    for t in range(clips.shape[1]):
        images = pictures.to_uint8(clips[:, t])
        color = MARK if t >= given else (255, 255, 255)
        framed = pad(images, [BORDER] * 4)
        border = pad(torch.zeros_like(images), [BORDER] * 4, value=1).bool()
        framed = torch.where(border, torch.tensor(color, dtype=torch.uint8)[:, None, None], framed)
        picture = pictures.grid(framed.float() / 127.5 - 1, columns)
        frames.append(Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).numpy())))
    with atomic_write(path) as beside:
        settings = {"save_all": True, "append_images": frames[1:], "duration": DURATION, "loop": 0}
        frames[0].save(beside, "GIF", **settings)
