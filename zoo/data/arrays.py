"""Images as one array of bytes, and their labels."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

Split = Literal["train", "test"]


class DatasetInfo(NamedTuple):
    """Where a data set comes from, on what terms, and on which what is learned from it ships."""

    title: str
    url: str
    terms: str
    weights_license: str
    remedy: str = "connect to the internet once"


class Images(NamedTuple):
    """Images (n, channels, size, size) in uint8, and their labels: (n,) or (n, attributes)."""

    pixels: Tensor
    labels: Tensor


def check_images(images: Images, channels: int, classes: int) -> None:
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
    """A whole batch by one indexing of the array, on the device where it is kept."""

    def __init__(self, images: Images, labels: bool, device: torch.device) -> None:
        self.pixels = images.pixels.to(device)
        chosen = images.labels if labels else torch.empty(len(images.labels), 0)
        self.labels = chosen.to(device)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.tensor(indices).to(self.pixels.device)
        return self.pixels.index_select(0, chosen), self.labels.index_select(0, chosen)


def noise(n: int, channels: int, size: int) -> Images:
    """Images (n, channels, size, size) of nothing, in ten classes."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (n, channels, size, size), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.arange(n) % 10)


def random_flip(pixels: Tensor) -> Tensor:
    """Images (n, channels, h, w), each flipped left to right with probability one half."""
    flip = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(flip, pixels.flip(-1), pixels)


def every_tenth(n: int, split: Split) -> Tensor:
    """Indices of a set of n that has no test split: every tenth, from the first, is held out."""
    held_out = torch.arange(n) % 10 == 0
    return (held_out if split == "test" else ~held_out).nonzero().flatten()


def normalize(pixels: Tensor) -> Tensor:
    """Grey levels 0 to 255 to float32 in [-1, 1], channels last in memory."""
    return pixels.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
