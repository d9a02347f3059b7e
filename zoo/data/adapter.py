"""Data modules of other people's code, as data modules of zoo."""

from collections.abc import Iterable

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from zoo.core.modality import Images, Modality
from zoo.data.arrays import DatasetInfo, Examples, Split
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe
from zoo.pretrained.trust import class_path_of

LOADERS = {  # of a split, the first that a data module has
    "train": ("train_dataloader",),
    "test": ("test_dataloader", "val_dataloader", "train_dataloader"),
}


class AdaptedDataModule(ZooDataModule):
    """The batches of a LightningDataModule, collected once in the order of its data set.

    A batch is a tensor (n, ...), or a tuple that begins with it and may go on with labels (n,) or
    targets (n, ...); floating-point images are in [-1, 1]. `modality`, `source` and `extractor` are
    those that the data module declares; by default images without a source, compared as thumbnails.
    """

    extractor = "thumbnails"
    reference = "train"
    recorded = ()

    def __init__(self, data: LightningDataModule) -> None:
        super().__init__()
        self.data = data
        title = type(data).__name__
        declared = getattr(data, "source", None)
        unknown = DatasetInfo(title, "not published", "unknown", "unknown")
        self.source = declared if isinstance(declared, DatasetInfo) else unknown
        self.extractor = str(getattr(data, "extractor", self.extractor))  # type: ignore[misc]

    @property
    def modality(self) -> Modality:
        """That which the data module declares, else images of the shape of its first one."""
        declared = getattr(self.data, "modality", None)
        if isinstance(declared, Modality):
            return declared
        channels, height, width = self.examples("train").values.shape[1:]
        return Images(((channels, height, width),))

    def read(self, split: Split) -> Examples:
        """The examples of a split; raises BadRecipe for batches of another form."""
        name = next((n for n in LOADERS[split] if is_defined(self.data, n)), None)
        if name is None:
            raise BadRecipe(f"{self.source.title} must define {LOADERS[split][0]}, got none")
        self.data.prepare_data()
        for stage in ("fit", "test"):
            self.data.setup(stage)
        parts = [self.parts(batch) for batch in in_order(getattr(self.data, name)())]
        if not parts:
            raise BadRecipe(f"{name} of {self.source.title} must yield batches, got none")
        values, labels = (torch.cat(side) for side in zip(*parts, strict=True))
        return Examples(values, labels)

    def parts(self, batch: object) -> tuple[Tensor, Tensor]:
        """Stored values and labels of a batch, (n, 0) where it has none."""
        sides = list(batch) if isinstance(batch, list | tuple) else [batch]
        x = sides[0]
        if not isinstance(x, Tensor):
            raise BadRecipe(
                f"a batch of {self.source.title} must begin with a tensor, got "
                f"{type(x).__name__}. Collate examples into tensors"
            )
        declared = getattr(self.data, "modality", None)
        if not isinstance(declared, Modality) and (x.ndim != 4 or not x.is_floating_point()):
            raise BadRecipe(
                f"batches of {self.source.title} must be images (n, channels, size, size) in "
                f"[-1, 1], got {tuple(x.shape)} in {x.dtype}. Declare `modality` in the data module"
            )
        store = declared.store if isinstance(declared, Modality) else Images().store
        labels = sides[1] if len(sides) > 1 and isinstance(sides[1], Tensor) else None
        if labels is None or len(labels) != len(x):
            return store(x), torch.empty(len(x), 0)
        return store(x), store(labels) if labels.ndim == x.ndim else labels

    @property
    def class_path(self) -> str:
        """The import path of the class of the data module that is adapted."""
        return class_path_of(type(self.data))

    def arguments(self) -> dict[str, object]:
        return {key: value for key, value in self.data.hparams.items() if key[0] != "_"}


def adapt(data: LightningDataModule) -> ZooDataModule:
    """A data module as one of zoo."""
    return data if isinstance(data, ZooDataModule) else AdaptedDataModule(data)


def is_defined(data: LightningDataModule, name: str) -> bool:
    """Whether a data module overrides a method of LightningDataModule."""
    return getattr(type(data), name) is not getattr(LightningDataModule, name)


def in_order(loader: Iterable[object]) -> Iterable[object]:
    """The batches of a loader without its shuffling."""
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return loader
    size = loader.batch_size or 64
    return DataLoader(loader.dataset, size, collate_fn=loader.collate_fn)
