"""Text as indices into a vocabulary of characters and words."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
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
LENGTH = 64  # tokens of a toy text whose length is free
PIECES = re.compile(r" ?\w+(?:'\w+)?|\W")  # a word with the space before it, or another character


@dataclass(frozen=True)
class Text(Modality):
    """Texts as indices (n, length) in int64 into the characters of `vocabulary` and then `words`,
    stored in uint8 or int32. With a `length` of None, the examples are consecutive parts of one
    text. A word includes the space before it; words that are not listed are spelled.

    Raises BadInput for a vocabulary that is empty or repeats a character, and for a word that
    occurs twice, has fewer than two characters, or others than those of the vocabulary.
    """

    vocabulary: str
    length: int | None = None
    words: tuple[str, ...] = ()
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
        known, seen = set(self.vocabulary), set[str]()
        for word in self.words:
            if word in seen or len(word) < 2 or not known.issuperset(word):
                raise BadInput(
                    "words must be different, of at least two characters of the vocabulary, got "
                    f"{brief(word)}. Remove it"
                )
            seen.add(word)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """What each index stands for: characters, then words."""
        return (*self.vocabulary, *self.words)

    def normalize(self, values: Tensor) -> Tensor:
        return values.long()

    def store(self, samples: Tensor) -> Tensor:
        return samples.to(torch.uint8 if len(self.tokens) <= 256 else torch.int32)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = n, self.length or LENGTH
        indices = torch.randint(len(self.tokens), shape, generator=generator)
        return self.store(indices), torch.arange(n) % 10

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Text):
            return self.other_kind(data)
        if data.tokens == self.tokens:
            return None
        if data.vocabulary == self.vocabulary:
            wanted, found = brief(self.words), brief(data.words)
            reason = f"words of the data must be {wanted}, as the model has them, got {found}"
            return Mismatch(reason, "Set --model.init_args.words to those of the data")
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
        if self.words:
            return torch.from_numpy(np.fromiter(self.spell(text), np.int64))
        index = torch.zeros(sys.maxunicode + 1, dtype=torch.int32)
        index[code_points(self.vocabulary)] = torch.arange(len(self.vocabulary), dtype=torch.int32)
        return index[code_points(text)].long()

    def spell(self, text: str) -> Iterator[int]:
        """The indices of the words of a text, and of the characters of all that is no word."""
        index = {token: i for i, token in enumerate(self.tokens)}
        pieces = (piece.group() for piece in PIECES.finditer(text))
        parts = ((piece,) if piece in index else piece for piece in pieces)
        return (index[token] for token in chain.from_iterable(parts))

    def characters(self, indices: Tensor) -> int:
        """The number of characters that indices (n, length) stand for."""
        sizes = torch.tensor([len(token) for token in self.tokens])
        return int(sizes[indices.long()].sum())

    def in_line(self, indices: Tensor) -> Tensor:
        """Whether each character of lines (n, length) is before, or is, the first end of a line."""
        ends = (indices == self.vocabulary.index(END)).long()
        return ends.cumsum(1) - ends == 0

    def decode(self, indices: Tensor) -> list[str]:
        """Texts of indices (n, length)."""
        return ["".join(self.tokens[i] for i in row) for row in indices.tolist()]

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


def frequent_words(text: str, n: int) -> tuple[str, ...]:
    """The n most frequent words of a text, each with the space before it, or all if there are
    fewer."""
    counts = Counter(piece.group() for piece in PIECES.finditer(text))
    words = [piece for piece in counts if len(piece) > 1]
    return tuple(sorted(words, key=lambda word: (-counts[word], word))[:n])


def code_points(text: str) -> Tensor:
    """The Unicode numbers (length,) of a text."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return torch.from_numpy(points.astype(np.int64))
