"""Images, and pairs of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.checks import Shape, check_images
from zoo.core.modality.base import Mismatch, Modality
from zoo.errors import ZooError
from zoo.plotting import pictures


class Pixels(Modality):
    """Images (n, channels, h, w) in [-1, 1], stored as gray levels in uint8, rendered as PNG."""

    suffix: ClassVar[str] = ".png"

    def normalize(self, values: Tensor) -> Tensor:
        return normalize(values)

    def store(self, samples: Tensor) -> Tensor:
        return pictures.to_uint8(samples)

    def images(self, samples: Tensor) -> Tensor:
        return samples

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        pictures.save(pictures.grid(samples, columns), path)

    def compare(self, path: Path, other: Path) -> str:
        return compare_pictures(path, other)


@dataclass(frozen=True)
class Images(Pixels):
    """Images (n, channels, size, size) in [-1, 1], stored as gray levels in uint8. `shapes` are
    those that a model takes or a data set has; none means any."""

    shapes: tuple[Shape, ...] = ()
    noun: ClassVar[str] = "images"

    def to_array(self, values: Tensor) -> Tensor:
        return values.permute(0, 2, 3, 1)  # (n, h, w, channels)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        return noise(n, self.shapes[0] if self.shapes else (1, 8, 8)), torch.arange(n) % 10

    def check(self, samples: Tensor) -> None:
        check_images(samples, self.shapes)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Images):
            return self.other_kind(data)
        if not self.shapes or not data.shapes or data.shapes[0] in self.shapes:
            return None
        return shape_mismatch(self.shapes, data.shapes[0])


@dataclass(frozen=True)
class ImagePairs(Pixels):
    """Pairs of images (n, channels, h, w) in [-1, 1], an input and its target, both stored as gray
    levels in uint8: batches are (inputs, targets)."""

    input: Shape
    target: Shape
    noun: ClassVar[str] = "pairs of images"
    paired: ClassVar[bool] = True

    def normalize_labels(self, labels: Tensor) -> Tensor:
        return normalize(labels)

    def show(self, inputs: Tensor) -> Tensor:
        """Inputs (n, ...) of a model as images (n, channels, h, w) in [-1, 1]."""
        return inputs

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        return noise(n, self.input), noise(n, self.target)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, ImagePairs) or data.paired != self.paired:
            return self.other_kind(data)
        if data.input != self.input:
            return shape_mismatch((self.input,), data.input, "the inputs", "input_channels")
        if data.target != self.target:
            return shape_mismatch((self.target,), data.target, "the targets")
        return None

    def inputs(self, path: Path) -> Tensor:
        tiles = pictures.tiles(pictures.read(path), self.target[1:])  # (rows, columns, 3, h, w)
        rows, outputs = (tiles[side::2].flatten(0, 1) for side in (0, 1))  # one above the other
        drawn = torch.cat([rows, outputs], 1).ne(255).flatten(1).any(1).nonzero()
        rows = rows[: int(drawn.max()) + 1 if len(drawn) else 0]  # white tiles fill the last row
        factor = self.target[1] // self.input[1]  # by which smaller inputs are enlarged
        rows = rows[..., ::factor, ::factor]
        return normalize(rows[:, : self.input[0]])


@dataclass(frozen=True)
class UnpairedImages(ImagePairs):
    """Images of two sets, (n, channels, h, w) and (m, channels, h, w): batches are inputs of the
    one and targets of the other, without correspondence."""

    noun: ClassVar[str] = "two sets of images without pairs"
    paired: ClassVar[bool] = False


@dataclass(frozen=True)
class Restorations(ImagePairs):
    """Pairs whose inputs a model makes itself from the targets, which are its data: images."""

    noun: ClassVar[str] = "images"

    def mismatch(self, data: Modality) -> Mismatch | None:
        return Images((self.target,)).mismatch(data)


def normalize(pixels: Tensor) -> Tensor:
    """Gray levels 0 to 255 (n, c, h, w) to float32 in [-1, 1], channels last in memory."""
    return pixels.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)


def noise(n: int, shape: Shape) -> Tensor:
    """Images (n, *shape) of uniform noise in uint8, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)


def shape_mismatch(
    shapes: tuple[Shape, ...], shape: Shape, what: str = "the data", channels: str = "channels"
) -> Mismatch:
    """The first side in which images differ from the first of the shapes that a model takes;
    `channels` is the name of the model's argument."""
    sides = zip((channels, "size", "size"), shapes[0], shape, strict=True)
    name, wanted, found = next(side for side in sides if side[1] != side[2])
    sizes = " or ".join(str(size) for _, _, size in shapes)
    remedy = f"Set --model.init_args.{name} {found}"
    if len(shapes) > 1:
        remedy = f"Set --data.init_args.size to {sizes}"
    return Mismatch(f"{name} of {what} must be {wanted}, as the model has it, got {found}", remedy)


def compare_pictures(path: Path, other: Path) -> str:
    """The largest difference of two PNG files; raises ZooError for more than one gray level."""
    one, two = pictures.read(path), pictures.read(other)
    if one.shape != two.shape:
        raise ZooError(f"{other} must be of shape {tuple(one.shape)}, got {tuple(two.shape)}")
    off = int((one.int() - two.int()).abs().max())
    if off > 1:
        raise ZooError(f"{other} must be what seed 0 gives, got pixels off by up to {off} of 255")
    return f"off by {off} of 255 at most"
