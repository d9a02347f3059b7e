"""Text as indices into a vocabulary of characters."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from zoo.core.modality.base import Mismatch, Modality
from zoo.errors import BadInput, ZooError
from zoo.files import atomic_write
from zoo.text import brief, plain

END = "\n"  # of a line
LENGTH = 64  # characters of a toy text whose length is free


@dataclass(frozen=True)
class Text(Modality):
    """Texts as indices (n, length) in int64 into the characters of `vocabulary`, stored in uint8 or
    int32. With a `length` of None, the examples are consecutive parts of one text.

    Raises BadInput for a vocabulary that is empty or repeats a character.
    """

    vocabulary: str
    length: int | None = None
    noun: ClassVar[str] = "texts"
    suffix: ClassVar[str] = ".txt"
    columns: ClassVar[int] = 1

    def __post_init__(self) -> None:
        different = len(set(self.vocabulary))
        if not 0 < different == len(self.vocabulary):
            raise BadInput(
                f"vocabulary must be different characters, got {len(self.vocabulary)}, of which "
                f"{different} are different. List each character once"
            )

    def normalize(self, values: Tensor) -> Tensor:
        return values.long()

    def store(self, samples: Tensor) -> Tensor:
        return samples.to(torch.uint8 if len(self.vocabulary) <= 256 else torch.int32)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = n, self.length or LENGTH
        indices = torch.randint(len(self.vocabulary), shape, generator=generator)
        return self.store(indices), torch.arange(n) % 10

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Text):
            return self.other_kind(data)
        if data.vocabulary == self.vocabulary:
            return None
        wanted, found = brief(self.vocabulary), brief(data.vocabulary)
        reason = f"vocabulary of the data must be {wanted}, as the model has it, got {found}"
        return Mismatch(reason, "Set --model.init_args.vocabulary to that of the data")

    def encode(self, text: str) -> Tensor:
        """Indices (length,) of a text; raises BadInput for a character outside the vocabulary."""
        if unknown := sorted(set(text) - set(self.vocabulary)):
            raise BadInput(
                f"characters must be of the vocabulary {brief(self.vocabulary, 300)}, got "
                f"{unknown[0]!r}. Remove it"
            )
        index = torch.zeros(sys.maxunicode + 1, dtype=torch.int32)
        index[code_points(self.vocabulary)] = torch.arange(len(self.vocabulary), dtype=torch.int32)
        return index[code_points(text)].long()

    def in_line(self, indices: Tensor) -> Tensor:
        """Whether each character of lines (n, length) is before, or is, the first end of a line."""
        ends = (indices == self.vocabulary.index(END)).long()
        return ends.cumsum(1) - ends == 0

    def decode(self, indices: Tensor) -> list[str]:
        """Texts of indices (n, length)."""
        return ["".join(self.vocabulary[i] for i in row) for row in indices.tolist()]

    def texts(self, samples: Tensor) -> list[str]:
        return self.decode(samples)

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        texts = self.decode(samples)
        lines = [f"--- sample {i}\n{plain(text)}\n" for i, text in enumerate(texts, 1)]
        with atomic_write(path) as beside:
            beside.write_text("".join(lines), encoding="utf-8")

    def compare(self, path: Path, other: Path) -> str:
        if path.read_bytes() != other.read_bytes():
            raise ZooError(f"{other} is not the text that seed 0 gives. Export the model again")
        return "equal text"


def code_points(text: str) -> Tensor:
    """The Unicode numbers (length,) of a text."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return torch.from_numpy(points.astype(np.int64))
