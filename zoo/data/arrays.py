"""Examples as one array in memory, with their labels."""

from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

Split = Literal["train", "test"]


class DatasetInfo(NamedTuple):
    """Where a data set comes from, its terms, and the license of weights trained on it."""

    title: str
    url: str
    terms: str
    weights_license: str
    remedy: str = "connect to the internet once"

    def named(self, path: Path, noun: str) -> "DatasetInfo":
        """The source of data of a user, by the name of its folder or file."""
        return self._replace(title=f"{path.name} (own {noun})")


class Examples(NamedTuple):
    """Examples as a data set stores them, such as images (n, channels, size, size) in uint8, and
    their labels: (n,), (n, attributes), or the targets (n, ...) of pairs."""

    values: Tensor
    labels: Tensor

    @property
    def pixels(self) -> Tensor:
        """The values of images (n, channels, size, size)."""
        return self.values


def check_images(images: Examples, channels: int, classes: int) -> None:
    """Raise ValueError for images that are not (n, channels, h, w) in uint8, or whose labels
    are not n whole numbers, or n rows of them, from 0 and below `classes` where it is not 0."""
    pixels, labels = images
    if pixels.ndim != 4 or pixels.shape[1] != channels or pixels.dtype != torch.uint8:
        found = f"{tuple(pixels.shape)} in {str(pixels.dtype).removeprefix('torch.')}"
        raise ValueError(f"images must be (n, {channels}, h, w) in uint8, got {found}")
    if len(labels) != len(pixels) or labels.is_floating_point() or labels.is_complex():
        kind = str(labels.dtype).removeprefix("torch.")
        raise ValueError(f"labels must be {len(pixels)} whole numbers, got {len(labels)} in {kind}")
    low, high = (int(labels.min()), int(labels.max())) if labels.numel() else (0, 0)
    if low < 0 or high >= (classes or high + 1):
        raise ValueError(
            f"labels must be from 0 to {(classes or high + 1) - 1}, got {low} to {high}"
        )


class BatchSlicingDataset(Dataset[tuple[Tensor, Tensor]]):
    """A whole batch by one indexing of the array, on the device that stores it."""

    def __init__(self, examples: Examples, device: torch.device) -> None:
        self.values, self.labels = examples.values.to(device), examples.labels.to(device)

    def __len__(self) -> int:
        return len(self.values)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.tensor(indices).to(self.values.device)
        return self.values.index_select(0, chosen), self.labels.index_select(0, chosen)


def random_flip(pixels: Tensor) -> Tensor:
    """Images (n, channels, h, w), each flipped left to right with probability 1/2."""
    flip = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(flip, pixels.flip(-1), pixels)


def every_tenth(n: int, split: Split) -> Tensor:
    """Indices of a split of n examples without a test split of their own: every tenth, from the
    first, is held out."""
    held_out = torch.arange(n) % 10 == 0
    return (held_out if split == "test" else ~held_out).nonzero().flatten()
