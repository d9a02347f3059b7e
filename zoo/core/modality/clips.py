"""Clips: short sequences of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.checks import Shape, check_clips
from zoo.core.modality.base import Mismatch, Modality
from zoo.core.modality.images import compare_pictures, normalize, shape_mismatch
from zoo.plotting import pictures
from zoo.plotting.clips import film_strips, save_gif


@dataclass(frozen=True)
class Clips(Modality):
    """Clips (n, frames, channels, size, size) in [-1, 1], stored in uint8, of which a model is
    given the first `given` frames. A file of them is a .png of film strips, or an animated .gif."""

    shape: Shape  # of a frame
    frames: int
    given: int
    noun: ClassVar[str] = "clips"
    suffix: ClassVar[str] = ".png"
    formats: ClassVar[tuple[str, ...]] = (".gif",)
    columns: ClassVar[int] = 10  # frames of a strip of samples
    most: ClassVar[int] = 1_000

    def normalize(self, values: Tensor) -> Tensor:
        return normalize(values.flatten(0, 1)).unflatten(0, values.shape[:2])

    def store(self, samples: Tensor) -> Tensor:
        return pictures.to_uint8(samples)

    def check(self, samples: Tensor) -> None:
        check_clips(samples, self.shape)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        """Noise that moves one pixel to the right in each frame."""
        generator = torch.Generator().manual_seed(0)
        first = torch.randint(256, (n, *self.shape), dtype=torch.uint8, generator=generator)
        moved = [first.roll(t, -1) for t in range(self.frames)]
        return torch.stack(moved, 1), torch.empty(n, 0)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Clips):
            return self.other_kind(data)
        if data.shape != self.shape:
            return shape_mismatch((self.shape,), data.shape)
        return self.first_difference(data, ("frames", "given"))

    def images(self, samples: Tensor) -> Tensor:
        """The last frame of each clip."""
        return samples[:, -1]

    def render(self, samples: Tensor, path: Path, columns: int = 10) -> None:
        """Write film strips with `columns` frames of each clip as .png, or a .gif."""
        if path.suffix == ".gif":
            save_gif(samples, self.given, 4, path)
        else:
            pictures.save(film_strips(samples, columns), path)

    def inputs(self, path: Path) -> Tensor:
        tiles = pictures.tiles(pictures.read(path), self.shape[1:])  # (rows, frames, 3, h, w)
        return self.normalize(tiles[::2, :, : self.shape[0]])  # predictions are below each clip

    def compare(self, path: Path, other: Path) -> str:
        return compare_pictures(path, other)
