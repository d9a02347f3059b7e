"""Music in voices, one pitch in each at each time step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.core.modality.base import Mismatch, Modality
from zoo.core.modality.images import compare_pictures
from zoo.plotting import scores

STEPS = 16  # of toy music


@dataclass(frozen=True)
class Music(Modality):
    """Pitches (n, steps, voices) as numbers of MIDI from `low` to `high`, or 0 for a rest, stored
    in uint8. `beats` is the length of a step. Equal pitches that follow each other are one note.

    A model takes tokens (n, steps * voices) in int64: the voices of a step from the highest to the
    lowest, each with tokens of its own, of which the first is the rest.
    """

    voices: int = 4
    low: int = 31
    high: int = 87
    beats: float = 1.0
    noun: ClassVar[str] = "pieces of music"
    suffix: ClassVar[str] = ".png"
    formats: ClassVar[tuple[str, ...]] = (".mid", ".wav")
    columns: ClassVar[int] = 1

    @property
    def pitches(self) -> int:
        """The number of tokens of a voice."""
        return self.high - self.low + 2

    def normalize(self, values: Tensor) -> Tensor:
        pitches = values.long()
        tokens = torch.where(pitches > 0, pitches - self.low + 1, 0)
        offsets = torch.arange(self.voices, device=values.device) * self.pitches
        return (tokens + offsets).flatten(1)

    def store(self, samples: Tensor) -> Tensor:
        tokens = samples.unflatten(1, (-1, self.voices)) % self.pitches
        return torch.where(tokens > 0, tokens + self.low - 1, 0).to(torch.uint8)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape = n, STEPS, self.voices
        pitches = torch.randint(self.low, self.high + 1, shape, generator=generator)
        return pitches.to(torch.uint8), torch.empty(n, 0)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Music):
            return self.other_kind(data)
        return self.first_difference(data, ("voices", "low", "high"))

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        """Write piano rolls as .png; or .mid or .wav, in which a pause follows each piece."""
        pieces = self.store(samples).cpu()
        writers: dict[str, Callable[[], None]] = {
            ".png": lambda: scores.save_rolls(pieces, self.low, self.high, columns, path),
            ".mid": lambda: scores.save_midi(pieces, self.beats, path),
            ".wav": lambda: scores.save_wav(pieces, self.beats, path),
        }
        writers[path.suffix]()

    def compare(self, path: Path, other: Path) -> str:
        return compare_pictures(path, other)
