"""Data modules of images in one array of bytes."""

from abc import ABC
from typing import ClassVar

import torch
from torch import Tensor

from zoo.core.arguments import Count
from zoo.core.modality import Images, normalize
from zoo.data.arrays import DatasetInfo, Examples, Split, check_images, random_flip
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe

__all__ = ["DatasetInfo", "Examples", "ImageDataModule", "Split", "normalize"]


class ImageDataModule(ZooDataModule, ABC):
    """Batches of images (n, channels, size, size) in [-1, 1] with labels, (n, 0) by default.

    `size` is by default that of the data set; `labels` adds the labels to the batches; `mirror`
    flips half of the training images; `exclude_class` leaves one class out of them, as the anomaly
    of the test split.
    """

    channels: int = 3
    default_size: ClassVar[int] = 32
    recorded = ("size", "batch_size", "labels", "mirror", "exclude_class")

    def __init__(
        self,
        root: str | None = None,
        size: Count | None = None,
        batch_size: Count = 64,
        labels: bool = False,
        mirror: bool = False,
        exclude_class: int | None = None,
    ) -> None:
        super().__init__(root, batch_size)
        if size is not None and size < 1:
            raise BadRecipe(f"size must be >= 1, got {size}. The default is {self.default_size}")
        self.size = size or self.default_size
        self.labels, self.mirror, self.exclude_class = labels, mirror, exclude_class

    @property
    def modality(self) -> Images:
        return Images(((self.channels, self.size, self.size),))

    def check_examples(self, examples: Examples) -> None:
        check_images(examples, self.channels, len(self.classes))

    def load(self, split: Split) -> Examples:
        found = super().load(split)
        return found if split == "test" or self.exclude_class is None else self.exclude(found)

    def images(self, split: Split) -> Examples:
        """The images (n, channels, size, size) of a split in uint8, with all their labels."""
        return self.examples(split)

    def exclude(self, images: Examples) -> Examples:
        """All images but those of `exclude_class`; raises BadRecipe where it has none."""
        assert self.exclude_class is not None
        kept = images.labels.ne(self.exclude_class)
        if kept.ndim != 1 or kept.all():
            raise BadRecipe(
                f"exclude_class must be a class of {self.source.title} with images, got "
                f"{self.exclude_class}. Choose another class"
            )
        return Examples(images.values[kept], images.labels[kept])

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of what the labels state: of each class, or of each attribute."""
        count = int(self.images("train").labels.max()) + 1
        return self.classes or tuple(str(label) for label in range(count))

    def batch_examples(self, split: Split) -> Examples:
        pixels, labels = self.images(split)
        return Examples(pixels, labels if self.labels else torch.empty(len(labels), 0))

    def on_after_batch_transfer(
        self, batch: tuple[Tensor, Tensor], dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        pixels, labels = batch
        if self.mirror and self.trainer is not None and self.trainer.training:
            pixels = random_flip(pixels)
        return super().on_after_batch_transfer((pixels, labels), dataloader_idx)
