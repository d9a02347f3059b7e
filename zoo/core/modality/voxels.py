"""Shapes: grids of filled and empty voxels."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.checks import check_voxels
from zoo.core.modality.base import Mismatch, Modality
from zoo.core.modality.images import compare_pictures
from zoo.plotting import meshes, pictures
from zoo.plotting.shapes import SURFACE, shaded_views


@dataclass(frozen=True)
class Voxels(Modality):
    """Shapes (n, 1, size, size, size) along x, y and z, upward: occupancies in [0, 1], stored as 0
    and 1 in uint8. A file of them is a .png of shaded views, or an .obj mesh of their surfaces."""

    size: int
    noun: ClassVar[str] = "shapes"
    suffix: ClassVar[str] = ".png"
    formats: ClassVar[tuple[str, ...]] = (".obj",)
    most: ClassVar[int] = 1_000

    def normalize(self, values: Tensor) -> Tensor:
        return values.float()

    def store(self, samples: Tensor) -> Tensor:
        return (samples > SURFACE).to(torch.uint8)

    def check(self, samples: Tensor) -> None:
        check_voxels(samples, self.size)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        """Boxes of random sides on the floor."""
        generator = torch.Generator().manual_seed(0)
        sides = torch.randint(1, self.size + 1, (n, 3, 1), generator=generator)
        x, y, z = (torch.arange(self.size) < sides).unbind(1)
        boxes = x[:, :, None, None] & y[:, None, :, None] & z[:, None, None, :]
        return boxes[:, None].to(torch.uint8), torch.arange(n) % 10

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Voxels):
            return self.other_kind(data)
        return self.first_difference(data, ("size",))

    def images(self, samples: Tensor) -> Tensor:
        return shaded_views(samples)

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        if path.suffix == ".obj":
            meshes.save_obj(samples, columns, path)
        else:
            pictures.save(pictures.grid(self.images(samples), columns), path)

    def compare(self, path: Path, other: Path) -> str:
        return compare_pictures(path, other)
