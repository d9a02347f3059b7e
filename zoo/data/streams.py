"""One long sequence as streams of windows, for truncated backpropagation through time."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zoo.core.arguments import Count
from zoo.data.arrays import Examples, Split
from zoo.data.module import ZooDataModule
from zoo.data.resumable import Batch, ResumableSampler
from zoo.errors import BadRecipe

ROWS = 16  # parts of the test sequence, which are measured side by side


class StreamDataModule(ZooDataModule):
    """Windows (n, length, ...) of a sequence. A batch continues the one before: row i of all
    batches is one stream. The test split is in up to 16 long rows."""

    recorded: ClassVar[tuple[str, ...]] = ("batch_size", "length")

    def __init__(
        self, root: str | None = None, batch_size: Count = 64, length: Count = 128
    ) -> None:
        super().__init__(root, batch_size)
        if length < 1:
            raise BadRecipe(f"length must be >= 1, got {length}. The default is 128")
        self.length = length

    @abstractmethod
    def sequence(self, split: Split) -> Tensor:
        """The sequence (t, ...) of a split as the modality stores it."""

    def read(self, split: Split) -> Examples:
        part = self.sequence(split)
        length = self.length if split == "train" else len(part) // min(ROWS, len(part) // 2)
        rows = len(part) // length
        return Examples(part[: rows * length].unflatten(0, (rows, length)), torch.empty(rows, 0))

    def batch_examples(self, split: Split) -> Examples:
        """Training windows in an order in which each row of a batch continues the same row of the
        one before, on all devices together."""
        values, labels = self.examples(split)
        if split == "test":
            return Examples(values, labels)
        streams = self.batch_size * (self.trainer.world_size if self.trainer else 1)
        return Examples(in_streams(values, streams), labels[: len(labels) // streams * streams])

    def order(self, examples: Dataset[Batch]) -> ResumableSampler:
        """The order of the windows as they are; each rank has rows of its own."""
        order = super().order(examples)
        order.shuffle = False
        return order


def in_streams(windows: Tensor, streams: int) -> Tensor:
    """Consecutive windows (n, length, ...) such that window i is followed by the one at i +
    streams; windows at the end that do not fill all streams are left out."""
    steps = len(windows) // streams
    kept = windows[: steps * streams].unflatten(0, (streams, steps))
    return kept.transpose(0, 1).flatten(0, 1)
