"""Images in one array of bytes: batches are sliced from it and normalised on the device."""

import hashlib
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, get_args

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.checks import check_data
from zoo.core.module import ZooModule
from zoo.data.arrays import (
    BatchSlicingDataset,
    DatasetInfo,
    Images,
    Split,
    check_images,
    noise,
    normalize,
    random_flip,
)
from zoo.decoding import DAMAGE
from zoo.data.resumable import Batch, ResumableLoader, ResumableSampler, identity_collate
from zoo.errors import BadRecipe, MissingData

__all__ = ["DatasetInfo", "ImageDataModule", "Images", "Split", "normalize"]


class ImageDataModule(LightningDataModule, ABC):
    """Batches of images (n, channels, size, size) in [-1, 1] with labels, (n, 0) unless asked for.

    `root` is $ZOO_DATA, else `data`; `size` is the usual one of the set; `mirror` flips half of
    the training images; `exclude_class` leaves one class out of them, as the anomaly of the test
    split. Raises MissingData without files or a download, BadRecipe for invalid settings.
    """

    source: DatasetInfo
    channels: int = 3
    usual_size: ClassVar[int] = 32
    classes: ClassVar[tuple[str, ...]] = ()  # names of the labels, where numbers do not say it
    extractor: ClassVar[str]  # in whose space distances to this set are measured
    reference: ClassVar[Split] = "test"  # the split that they are measured to
    mend: ClassVar[str] = "delete them, and they are downloaded again"  # damaged files

    def __init__(
        self,
        root: str | None = None,
        size: int | None = None,
        batch_size: int = 64,
        labels: bool = False,
        mirror: bool = False,
        exclude_class: int | None = None,
    ) -> None:
        super().__init__()
        for name, n in ("size", size), ("batch_size", batch_size):
            if n is not None and n < 1:
                raise BadRecipe(f"{name} must be >= 1, got {n}. Usual is 64")
        self.given, self.offline = root, False
        self.root = Path(root or os.environ.get("ZOO_DATA") or "data")
        self.size, self.batch_size = size or self.usual_size, batch_size
        self.labels, self.mirror, self.exclude_class = labels, mirror, exclude_class
        self.splits: dict[Split, Images] = {}
        self.digests: dict[Split, tuple[Tensor, str]] = {}
        self.seed = 0

    @abstractmethod
    def read(self, split: Split) -> Images:
        """A split at `size`, from the files below `root`."""

    def images(self, split: Split) -> Images:
        """A split, read once; raises MissingData for damaged files."""
        if split not in self.splits:
            try:
                found = self.read(split)
                check_images(found, self.channels, len(self.classes))
            except DAMAGE as error:
                raise self.damaged(error) from error
            is_whole = split == "test" or self.exclude_class is None
            self.splits[split] = found if is_whole else self.exclude(found)
        return self.splits[split]

    def damaged(self, error: Exception) -> MissingData:
        """What an error met while reading the files means for people."""
        words = " ".join(f"{error}".split()) or type(error).__name__
        place = f"{self.source.title} in {self.root.absolute()}"
        return MissingData(f"the files of {place} are damaged ({words}): {self.mend}")

    @property
    def statistics(self) -> Path:
        """The folder of what is computed of the images once."""
        return self.root / "statistics"

    @property
    def attributes(self) -> tuple[str, ...]:
        """What labels say of an image, by name: one of the classes, or each of the attributes."""
        count = int(self.images("train").labels.max()) + 1
        return self.classes or tuple(str(label) for label in range(count))

    def limit_to(self, n: int, root: str) -> None:
        """Keep n images of each split, noise where there are no files, and never download; what
        is learned of them goes below another root."""
        self.offline = True
        for split in get_args(Split):
            try:
                images = self.images(split)
            except MissingData:
                images = noise(n, self.channels, self.size)
            self.splits[split] = Images(images.pixels[:n], images.labels[:n])
        self.root = Path(root)

    def exclude(self, images: Images) -> Images:
        """All images but those of class `exclude_class`; raises BadRecipe where there are none."""
        assert self.exclude_class is not None
        known = images.labels.ne(self.exclude_class)
        if known.ndim != 1 or known.all():
            title = self.source.title
            raise BadRecipe(
                f"{title} has no class {self.exclude_class} that training could go without"
            )
        return Images(images.pixels[known], images.labels[known])

    def download(self) -> None:
        """Bring the files below `root`, where they are not there already."""

    def prepare_data(self) -> None:
        if self.given is not None and not self.root.is_dir():
            raise MissingData(
                f"the folder {self.root.absolute()} is not there: make it, or name the one that "
                "has the data by --data.init_args.root"
            )
        try:
            if not self.offline:
                self.download()
        except (OSError, RuntimeError, ImportError) as error:
            title, url, *_, remedy = self.source
            raise MissingData(
                f"{title} is not in {self.root.absolute()} and could not be downloaded ({error}): "
                f"{remedy}, or get it from {url}, or name the folder that has it by ZOO_DATA or "
                "--data.init_args.root"
            ) from error
        except DAMAGE as error:
            raise self.damaged(error) from error

    def setup(self, stage: str | None = None) -> None:
        train = self.images("train").pixels
        self.prepare(len(train), tuple(train.shape[1:]))

    def prepare(self, count: int, shape: tuple[int, ...]) -> None:
        """Refuse what does not fit `count` images of a shape, and seed their order."""
        self.seed = torch.initial_seed() % 2**31  # before ranks get seeds of their own
        if self.batch_size > count:
            raise BadRecipe(
                f"batch_size {self.batch_size} is more than the {count} images of "
                f"{self.source.title}: make it smaller"
            )
        self.check_model(shape)

    def check_model(self, shape: tuple[int, ...]) -> None:
        """Refuse a model that was built for other images."""
        model = self.trainer.lightning_module if self.trainer else None
        if isinstance(model, ZooModule):
            check_data(model.image_shapes, shape)
            model.check_batch(self.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches that resume where a checkpoint left off."""
        return self.loader(self.slices("train"))

    def loader(self, images: Dataset[Batch], workers: int = 0) -> DataLoader[Batch]:
        """Shuffled batches; with `overfit_batches`, the same first ones in every epoch."""
        if self.trainer and self.trainer.overfit_batches:  # type: ignore[attr-defined]
            own = torch.Generator()
            return DataLoader(
                images, self.batch_size, drop_last=True, collate_fn=identity_collate, generator=own
            )
        return ResumableLoader(images, self.batch_size, self.order(images), workers)

    def slices(self, split: Split) -> BatchSlicingDataset:
        """A split, kept on the GPU that trains if it takes a quarter of what is free there."""
        images, device = self.images(split), torch.device("cpu")
        there = self.trainer.strategy.root_device if self.trainer else device
        if there.type == "cuda" and 4 * images.pixels.nbytes < torch.cuda.mem_get_info(there)[0]:
            device = there
        return BatchSlicingDataset(images, self.labels, device)

    def order(self, images: Dataset[Batch]) -> ResumableSampler:
        """Each rank has its own share of every epoch."""
        ranks, rank = (
            (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        )
        return ResumableSampler(images, ranks, rank, seed=self.seed, drop_last=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        slices, own = self.slices("test"), torch.Generator()
        return DataLoader(slices, self.batch_size, collate_fn=identity_collate, generator=own)

    def state_dict(self) -> dict[str, object]:
        return {"seed": self.seed, "seen": self.seen()}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        self.seed = int(str(state_dict["seed"]))

    def seen(self) -> dict[str, object]:
        """What a model learns from here, as plain data: for checkpoints, and cards made of them."""
        kind = type(self)
        return {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "arguments": self.arguments(),
            "name": self.source.title,
            "url": self.source.url,
            "terms": self.source.terms,
            "license": self.source.weights_license,
            "images": self.count("train"),
            "sha256": self.fingerprint(),
        }

    def arguments(self) -> dict[str, object]:
        """What builds the same data set again."""
        names = ("size", "batch_size", "labels", "mirror", "exclude_class")
        return {"root": self.given} | {name: getattr(self, name) for name in names}

    def count(self, split: Split) -> int:
        """How many images a split has."""
        return len(self.images(split).pixels)

    def fingerprint(self) -> str:
        """A digest of what a model learns from: the sha256 of the training images' pixels."""
        return self.digest("train")

    def on_after_batch_transfer(
        self, batch: tuple[Tensor, Tensor], dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        pixels, labels = batch
        if self.mirror and self.trainer is not None and self.trainer.training:
            pixels = random_flip(pixels)
        model = self.trainer.lightning_module if self.trainer else None
        dtype = model.parameter_dtype if isinstance(model, ZooModule) else torch.float32
        return normalize(pixels).to(dtype), labels

    def digest(self, split: Split) -> str:
        """The sha256 of a split's pixels."""
        pixels = self.images(split).pixels
        if split not in self.digests or self.digests[split][0] is not pixels:
            found = hashlib.sha256(pixels.contiguous().numpy().data).hexdigest()
            self.digests[split] = pixels, found
        return self.digests[split][1]
