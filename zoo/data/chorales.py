"""JSB chorales: harmonizations by Bach in four voices, as encoded by Huang et al., 2017.

Boulanger-Lewandowski et al., 2012, https://arxiv.org/abs/1206.6392: the split.
"""

import json
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from zoo.core.arguments import Count
from zoo.core.modality import Music
from zoo.data.arrays import DatasetInfo, Split
from zoo.data.downloads import fetch, write
from zoo.data.streams import StreamDataModule
from zoo.errors import BadRecipe

LARGEST = 20_000_000  # bytes of the file
MOST = 5  # semitones of a transposition, so that all pitches are from 31 to 87
SIXTEENTHS = 4  # of a beat


class JSBChorales(StreamDataModule):
    """Chorales (n, length, 4) as pitches, 0 for a rest, one after another; before each is a step of
    silence.

    A step is a quarter note, or a sixteenth if `quarters` is false. The training split has each
    chorale in all keys up to `transpose` semitones away. It is `train` of the file; `valid` is not
    used. The file is `root/jsb_chorales/Jsb16thSeparated.json`.
    """

    source = DatasetInfo(
        "JSB chorales",
        "https://github.com/czhuang/JSB-Chorales-dataset",
        "public domain (Bach); no license stated for the encoding",
        "Apache-2.0",
    )
    file = "jsb_chorales/Jsb16thSeparated.json"
    address = (
        "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/master/"
        "Jsb16thSeparated.json"
    )
    recorded: ClassVar[tuple[str, ...]] = ("batch_size", "length", "quarters", "transpose")

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 32,
        length: Count = 32,
        quarters: bool = True,
        transpose: int = 5,
    ) -> None:
        super().__init__(root, batch_size, length)
        if not 0 <= transpose <= MOST:
            raise BadRecipe(
                f"transpose must be from 0 to {MOST} semitones, got {transpose}. 0 keeps the keys"
            )
        self.quarters, self.transpose = quarters, transpose

    @property
    def modality(self) -> Music:
        return Music(beats=1.0 if self.quarters else 1 / SIXTEENTHS)

    def download(self) -> None:
        if (self.root / self.file).is_file():
            return
        write(fetch(self.address, LARGEST), self.root / self.file)

    def sequence(self, split: Split) -> Tensor:
        """All chorales in all keys, in an order that a fixed seed shuffles for training."""
        shifts = range(-self.transpose, self.transpose + 1) if split == "train" else (0,)
        every = SIXTEENTHS if self.quarters else 1
        chorales = [chorale[::every] for chorale in self.chorales(split)]
        versions = [transposed(chorale, shift) for chorale in chorales for shift in shifts]
        if split == "train":
            order = np.random.RandomState(0).permutation(len(versions))  # the same on all machines
            versions = [versions[i] for i in order]
        silence = torch.zeros(1, 4, dtype=torch.uint8)
        return torch.cat([part for version in versions for part in (silence, version)])

    def chorales(self, split: Split) -> list[Tensor]:
        """The chorales of a split, each (sixteenths, 4) in uint8. Raises ValueError for others."""
        self.prepare_data()
        path = self.root / self.file
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.name} must be at most {LARGEST:,} bytes")
        found = []
        for chorale in json.loads(path.read_bytes())[split]:
            pitches = torch.tensor(chorale)
            is_grid = pitches.ndim == 2 and pitches.shape[1] == 4
            low, high = self.modality.low + MOST, self.modality.high - MOST
            if not is_grid or not ((pitches == -1) | (low <= pitches) & (pitches <= high)).all():
                raise ValueError(f"chorales must be steps of four pitches from {low} to {high}")
            found.append(pitches.clamp(min=0).to(torch.uint8))  # -1 is a rest
        return found


def transposed(pitches: Tensor, semitones: int) -> Tensor:
    """Pitches in another key; rests stay."""
    return torch.where(pitches > 0, pitches + semitones, 0).to(torch.uint8)
