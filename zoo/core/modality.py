"""What the data of a model is: images, pairs of images, text.

A data module owns a modality, a model names the one that it takes. Normalization, toy data,
rendered files and the check of one against the other belong to the modality. Training, export,
callbacks and the command line go through it, so that a new one needs no change there.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from zoo.checks import Shape
from zoo.errors import BadRecipe, ZooError
from zoo.files import atomic_write
from zoo.plotting import pictures
from zoo.text import brief

LENGTH = 64  # characters of a toy text whose length is free


class Modality(ABC):
    """A kind of data: how it is stored, what a model takes, and how people look at it.

    `values` are examples (n, ...) as a data set stores them, `samples` are examples as a model
    takes and returns them.
    """

    noun: ClassVar[str]  # of several examples, in messages
    suffix: ClassVar[str]  # of the file that `render` writes
    columns: ClassVar[int] = 8  # of samples, side by side in that file

    @abstractmethod
    def normalize(self, values: Tensor) -> Tensor:
        """Stored values (n, ...) as a model takes them."""

    @abstractmethod
    def store(self, samples: Tensor) -> Tensor:
        """The inverse of `normalize`, rounded to what a data set stores."""

    @abstractmethod
    def toy(self, n: int) -> Tensor:
        """Stored values (n, ...) of random content, for a test that needs no files."""

    @abstractmethod
    def mismatch(self, data: "Modality") -> "Mismatch | None":
        """Why a model of this modality cannot take that of `data`; None where it can."""

    @abstractmethod
    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        """Write samples (n, ...) into a file with the ending `suffix`, `columns` side by side."""

    @abstractmethod
    def compare(self, path: Path, other: Path) -> str:
        """How far two rendered files differ, for people; raises ZooError where rounding does not
        explain it."""

    def inputs(self, path: Path) -> Tensor:
        """The inputs (n, ...) of a rendered translation; raises ZooError where there are none."""
        raise ZooError(f"{path} must show inputs beside outputs, got {self.noun}")

    def check_data(self, data: "Modality") -> None:
        """Raise BadRecipe unless a model of this modality can be trained on that of `data`."""
        if found := self.mismatch(data):
            raise BadRecipe(f"{found.reason}. {found.remedy}, or choose other data")

    def other_kind(self, data: "Modality") -> "Mismatch":
        """The mismatch of two classes of modality."""
        reason = f"the data must be {self.noun}, as the model takes them, got {data.noun}"
        return Mismatch(reason, "Choose another model")


class Mismatch(NamedTuple):
    """Why a model cannot take data, and what to set."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Images(Modality):
    """Images (n, channels, size, size) in [-1, 1], stored as gray levels in uint8. `shapes` are
    those that a model takes or a data set has; none means any."""

    shapes: tuple[Shape, ...] = ()
    noun: ClassVar[str] = "images"
    suffix: ClassVar[str] = ".png"

    def normalize(self, values: Tensor) -> Tensor:
        return normalize(values)

    def store(self, samples: Tensor) -> Tensor:
        return pictures.to_uint8(samples)

    def toy(self, n: int) -> Tensor:
        return noise(n, self.shapes[0] if self.shapes else (1, 8, 8))

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Images):
            return self.other_kind(data)
        if not self.shapes or not data.shapes or data.shapes[0] in self.shapes:
            return None
        return shape_mismatch(self.shapes, data.shapes[0])

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        pictures.save(pictures.grid(samples, columns), path)

    def compare(self, path: Path, other: Path) -> str:
        return compare_pictures(path, other)


@dataclass(frozen=True)
class ImagePairs(Modality):
    """Pairs of images (n, channels, h, w) in [-1, 1], an input and its target, both stored as gray
    levels in uint8: batches are (inputs, targets)."""

    input: Shape
    target: Shape
    noun: ClassVar[str] = "pairs of images"
    suffix: ClassVar[str] = ".png"

    def normalize(self, values: Tensor) -> Tensor:
        return normalize(values)

    def store(self, samples: Tensor) -> Tensor:
        return pictures.to_uint8(samples)

    def toy(self, n: int) -> Tensor:
        return noise(n, self.input)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, ImagePairs):
            return self.other_kind(data)
        if data.input != self.input:
            return shape_mismatch((self.input,), data.input, "the inputs")
        if data.target != self.target:
            return shape_mismatch((self.target,), data.target, "the targets")
        return None

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        pictures.save(pictures.grid(samples, columns), path)

    def compare(self, path: Path, other: Path) -> str:
        return compare_pictures(path, other)

    def inputs(self, path: Path) -> Tensor:
        tiles = pictures.tiles(pictures.read(path), self.input[1:])  # (rows, columns, 3, h, w)
        rows = tiles[::2].flatten(0, 1)  # the row below each row of inputs holds its outputs
        return normalize(rows[:, : self.input[0]])


@dataclass(frozen=True)
class Text(Modality):
    """Texts as indices (n, length) in int64 into the characters of `vocabulary`, stored in uint8 or
    int64; a `length` of None leaves it free."""

    vocabulary: str
    length: int | None = None
    noun: ClassVar[str] = "texts"
    suffix: ClassVar[str] = ".txt"
    columns: ClassVar[int] = 1

    def normalize(self, values: Tensor) -> Tensor:
        return values.long()

    def store(self, samples: Tensor) -> Tensor:
        return samples.to(torch.uint8 if len(self.vocabulary) <= 256 else torch.int64)

    def toy(self, n: int) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        shape = n, self.length or LENGTH
        return torch.randint(len(self.vocabulary), shape, generator=generator)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Text):
            return self.other_kind(data)
        if data.vocabulary == self.vocabulary:
            return None
        wanted, found = brief(self.vocabulary), brief(data.vocabulary)
        reason = f"vocabulary of the data must be {wanted}, as the model has it, got {found}"
        return Mismatch(reason, "Set --model.init_args.vocabulary to that of the data")

    def encode(self, text: str) -> Tensor:
        """Indices (length,) of a text; raises ZooError for a character outside the vocabulary."""
        index = {character: i for i, character in enumerate(self.vocabulary)}
        if unknown := sorted(set(text) - set(index)):
            raise ZooError(
                f"characters must be of the vocabulary {self.vocabulary!r}, got {unknown[0]!r}. "
                "Remove it"
            )
        return torch.tensor([index[character] for character in text], dtype=torch.long)

    def decode(self, indices: Tensor) -> list[str]:
        """Texts of indices (n, length)."""
        return ["".join(self.vocabulary[i] for i in row) for row in indices.tolist()]

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        texts = self.decode(samples)
        lines = [f"--- sample {number}\n{text}\n" for number, text in enumerate(texts, 1)]
        with atomic_write(path) as beside:
            beside.write_text("".join(lines), encoding="utf-8")

    def compare(self, path: Path, other: Path) -> str:
        if path.read_bytes() != other.read_bytes():
            raise ZooError(f"{other} is not the text that seed 0 gives. Export the model again")
        return "equal text"


def modality_of(model: nn.Module, default: Modality | None = None) -> Modality:
    """The modality that a model declares, else the default; images for a model without either."""
    found = getattr(model, "modality", None)
    return found if isinstance(found, Modality) else default or Images()


def normalize(pixels: Tensor) -> Tensor:
    """Gray levels 0 to 255 (n, c, h, w) to float32 in [-1, 1], channels last in memory."""
    return pixels.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)


def noise(n: int, shape: Shape) -> Tensor:
    """Images (n, *shape) of uniform noise in uint8, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)


def shape_mismatch(shapes: tuple[Shape, ...], shape: Shape, what: str = "the data") -> Mismatch:
    """The first side in which images differ from the first of the shapes that a model takes."""
    sides = zip(("channels", "size", "size"), shapes[0], shape, strict=True)
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
