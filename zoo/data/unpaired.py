"""Data modules of two sets of images without pairs: two folders, faces by an attribute."""

import hashlib
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from zoo.core.arguments import Count
from zoo.core.modality import UnpairedImages
from zoo.data.arrays import BatchSlicingDataset, DatasetInfo, Examples, Split, random_flip
from zoo.data.celeba import CelebA
from zoo.data.folder import ImageFolder
from zoo.data.listing import is_hidden
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe, MissingData, UnknownName

TRAIN, TEST = ("trainA", "trainB"), ("testA", "testB")  # folders of the authors' data sets


class UnpairedSlices(BatchSlicingDataset):
    """Batches of inputs with random targets: the shorter set is seen more often."""

    def __len__(self) -> int:
        return max(len(self.values), len(self.labels))

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.tensor(indices) % len(self.values)
        targets = torch.randint(len(self.labels), (len(indices),))
        return (
            self.values.index_select(0, chosen.to(self.values.device)),
            self.labels.index_select(0, targets.to(self.labels.device)),
        )


class UnpairedDataModule(ZooDataModule):
    """Batches of inputs and of targets, both (n, 3, size, size) in [-1, 1], which do not belong to
    each other; an example's labels are the targets, of another number.

    `mirror` flips half of the training images.
    """

    extractor = "squeezenet"
    own_files = "zoo.data.UnpairedFolders"
    recorded: ClassVar[tuple[str, ...]] = ("size", "batch_size", "mirror")

    def __init__(
        self,
        root: str | None = None,
        size: Count = 64,
        batch_size: Count = 4,
        mirror: bool = False,
    ) -> None:
        super().__init__(root, batch_size)
        self.size, self.mirror = size, mirror

    @property
    def modality(self) -> UnpairedImages:
        shape = 3, self.size, self.size
        return UnpairedImages(shape, shape)

    def model_arguments(self) -> dict[str, object]:
        return {"size": self.size}

    def slices(self, split: Split) -> BatchSlicingDataset:
        found = super().slices(split)
        examples = Examples(found.values, found.labels)
        return UnpairedSlices(examples, found.values.device)

    def digest(self, split: Split) -> str:
        """The sha256 of the images of both sets."""
        sides = (side.contiguous().numpy().data for side in self.examples(split))
        return hashlib.sha256(b"".join(hashlib.sha256(x).digest() for x in sides)).hexdigest()

    def on_after_batch_transfer(
        self, batch: tuple[Tensor, Tensor], dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        x, y = super().on_after_batch_transfer(batch, dataloader_idx)
        if self.mirror and self.trainer is not None and self.trainer.training:
            x, y = random_flip(x), random_flip(y)
        return x, y


class UnpairedFolders(UnpairedDataModule):
    """Pictures of two folders below `root`: inputs and targets in the alphabetical order of the
    folders, unless `input_folder` and `target_folder` name them; every tenth picture of each is in
    the test split.

    The folders trainA, trainB, testA and testB of published data sets are recognized. Raises
    BadRecipe where there are not two folders, and for unreadable pictures.
    """

    source = DatasetInfo("your own pictures", "not published", "unknown", "unknown")
    own_paths = ("root",)
    recorded = ("size", "batch_size", "mirror", "input_folder", "target_folder")

    def __init__(
        self,
        root: str | None = None,
        size: Count = 64,
        batch_size: Count = 4,
        mirror: bool = False,
        input_folder: str = "",
        target_folder: str = "",
    ) -> None:
        super().__init__(root, size, batch_size, mirror)
        self.input_folder, self.target_folder = input_folder, target_folder
        if root:
            self.source = self.source.named(self.root.resolve(), "pictures")

    def has(self, *names: str) -> bool:
        """Whether there are folders of these names."""
        return all((self.root / name).is_dir() for name in names)

    def folders(self) -> tuple[str, str]:
        """The names of the folders of inputs and of targets; raises BadRecipe."""
        if not self.given_root:
            raise MissingData(
                "root must be a folder with two folders of pictures, got none. Name it by "
                "`zoo fit NAME --data FOLDER`"
            )
        if self.input_folder and self.target_folder:
            return self.input_folder, self.target_folder
        if self.has(*TRAIN):
            return TRAIN
        found = sorted(
            p.name for p in self.root.iterdir() if p.is_dir() and not is_hidden([p.name])
        )
        if len(found) != 2:
            raise BadRecipe(
                f"root must have two folders of pictures, got {len(found)} in "
                f"{self.root.absolute()}. Name both by --data.init_args.input_folder and "
                "--data.init_args.target_folder"
            )
        return found[0], found[1]

    def read(self, split: Split) -> Examples:
        names = self.folders()
        if names == TRAIN and self.has(*TEST):  # whose pictures are all in one split
            names = TRAIN if split == "train" else TEST
            return Examples(*(self.pictures(name).all_images.values for name in names))
        return Examples(*(self.pictures(name).examples(split).values for name in names))

    def pictures(self, name: str) -> ImageFolder:
        """The pictures of a folder."""
        return ImageFolder(str(self.root / name), self.size)


class CelebAAttribute(UnpairedDataModule):
    """Faces of CelebA (n, 3, size, size) without an attribute as inputs, and with it as targets, or
    the other way round with `reverse`. Raises UnknownName for another attribute."""

    source = CelebA.source
    further_extractors = CelebA.further_extractors
    recorded = ("size", "batch_size", "mirror", "attribute", "reverse")

    def __init__(
        self,
        root: str | None = None,
        size: Count = 64,
        batch_size: Count = 4,
        mirror: bool = False,
        attribute: str = "Smiling",
        reverse: bool = False,
    ) -> None:
        super().__init__(root, size, batch_size, mirror)
        self.attribute, self.reverse = attribute, reverse

    @cached_property
    def faces(self) -> CelebA:
        """All faces."""
        return CelebA(self.given_root, self.size)

    def attribute_index(self) -> int:
        """The index of the attribute among the labels of CelebA; raises UnknownName."""
        names = self.faces.attributes
        if self.attribute not in names:
            raise UnknownName("attribute", self.attribute, list(names))
        return names.index(self.attribute)

    def read(self, split: Split) -> Examples:
        pixels, labels = self.faces.examples(split)
        has = labels[:, self.attribute_index()].bool()
        sides = pixels[~has], pixels[has]
        return Examples(*(sides[::-1] if self.reverse else sides))
