"""The base of all data modules of zoo: batches are sliced from one array in memory."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, get_args

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.core.arguments import Count
from zoo.core.modality import Modality
from zoo.core.module import ZooModule
from zoo.data.arrays import BatchSlicingDataset, DatasetInfo, Examples, Split
from zoo.data.downloads import default_root
from zoo.data.resumable import Batch, ResumableLoader, ResumableSampler, identity_collate
from zoo.decoding import DAMAGE
from zoo.errors import BadRecipe, MissingData, ZooError
from zoo.files import absolute
from zoo.pretrained.trust import class_path_of


class ZooDataModule(LightningDataModule, ABC):
    """Batches of normalized examples (n, ...) with labels.

    A subclass names its `source` and `modality`, and defines `read`. `root` is $ZOO_DATA, else
    `data`. Raises MissingData without files or download, BadRecipe for invalid settings.
    """

    source: DatasetInfo
    extractor: ClassVar[str] = ""  # the space in which distances to this data set are measured
    further_extractors: ClassVar[tuple[str, ...]] = ()  # other spaces, measured beside it
    reference: ClassVar[Split] = "test"  # the split to which they are measured
    classes: ClassVar[tuple[str, ...]] = ()  # names of the labels
    recorded: ClassVar[tuple[str, ...]] = ("batch_size",)  # arguments that rebuild it, beside root
    own_files: ClassVar[str] = ""  # the class of files of one's own, in place of this data set
    own_paths: ClassVar[tuple[str, ...]] = ()  # arguments that name files of the user
    damage_remedy: ClassVar[str] = "Delete them to download them again"

    def __init__(self, root: str | None = None, batch_size: Count = 64) -> None:
        super().__init__()
        if batch_size < 1:
            raise BadRecipe(f"batch_size must be >= 1, got {batch_size}. The default is 64")
        self.given_root, self.offline = root, False
        self.root = Path(root) if root else default_root()
        self.batch_size, self.seed = batch_size, 0
        self.splits: dict[Split, Examples] = {}
        self.digests: dict[Split, tuple[Tensor, str]] = {}

    @property
    @abstractmethod
    def modality(self) -> Modality:
        """What the examples are."""

    @abstractmethod
    def read(self, split: Split) -> Examples:
        """The examples of a split, from the files below `root`."""

    def model_arguments(self) -> dict[str, object]:
        """The arguments by which a model agrees with files of one's own, as plain data."""
        return {}

    def check_examples(self, examples: Examples) -> None:
        """Raise ValueError for examples that are not as the modality stores them."""

    def examples(self, split: Split) -> Examples:
        """A split, loaded once; raises MissingData for damaged files."""
        if split not in self.splits:
            self.splits[split] = self.load(split)
        return self.splits[split]

    def inputs(self, n: int) -> Tensor:
        """The first n test examples as a model takes them."""
        return self.modality.normalize(self.examples("test").values[:n])

    def load(self, split: Split) -> Examples:
        """Read and check a split; raises MissingData for damaged files."""
        try:
            found = self.read(split)
            self.check_examples(found)
        except DAMAGE as error:
            raise self.damaged(error) from error
        return found

    def damaged(self, error: Exception) -> ZooError:
        """The error of files that cannot be read, with its remedy."""
        reason = " ".join(f"{error}".split()) or type(error).__name__
        place = f"{self.source.title} in {self.root.absolute()}"
        return MissingData(f"the files of {place} are damaged ({reason}). {self.damage_remedy}")

    @property
    def statistics(self) -> Path:
        """The folder of what is computed once from the examples: not that of a user's files."""
        is_own = self.own_paths and not self.offline
        return (default_root() if is_own else self.root) / "statistics"

    def limit_to(self, n: int, root: str) -> None:
        """Keep n examples of each split, toy examples where there are no files, and download
        nothing; statistics are written below `root`."""
        self.offline = True
        for split in get_args(Split):
            try:
                found = self.examples(split)
            except MissingData:
                found = self.toy(n)
            self.splits[split] = Examples(found.values[:n], found.labels[:n])
        self.root = Path(root)

    def toy(self, n: int) -> Examples:
        """n examples of random content."""
        return Examples(*self.modality.toy(n))

    def download(self) -> None:
        """Download the files to `root` unless they are there."""

    def prepare_data(self) -> None:
        if self.given_root is not None and not self.root.is_dir():
            raise MissingData(
                f"root must be a folder, got {self.root.absolute()}, which does not exist. Make "
                "it, or name the folder with the data by --data.init_args.root"
            )
        try:
            if not self.offline:
                self.download()
        except (OSError, RuntimeError, ImportError) as error:
            title, url, *_, remedy = self.source
            raise MissingData(
                f"{title} is not in {self.root.absolute()} and its download failed ({error}). To "
                f"have it, {remedy}, or get it from {url}, or name the folder with it by ZOO_DATA "
                "or --data.init_args.root"
            ) from error
        except DAMAGE as error:
            raise self.damaged(error) from error

    def setup(self, stage: str | None = None) -> None:
        self.prepare(len(self.examples("train").values))

    def prepare(self, count: int) -> None:
        """Check the batch size against `count` examples, and the model against the modality; seed
        the order of the examples."""
        self.seed = torch.initial_seed() % 2**31  # before ranks get seeds of their own
        if self.batch_size > count:
            raise BadRecipe(
                f"batch_size must be <= {count}, the number of {self.modality.noun} of "
                f"{self.source.title}, got {self.batch_size}. Reduce it"
            )
        if isinstance(model := self.trainer and self.trainer.lightning_module, ZooModule):
            model.modality.check_data(self.modality)
            model.check_batch(self.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches that resume at the batch of a checkpoint."""
        return self.loader(self.slices("train"))

    def loader(self, examples: Dataset[Batch], workers: int = 0) -> DataLoader[Batch]:
        """Shuffled batches; with `overfit_batches` the same first ones in every epoch."""
        if self.trainer and self.trainer.overfit_batches:  # type: ignore[attr-defined]
            return self.in_order(examples, drop_last=True)
        return ResumableLoader(examples, self.batch_size, self.order(examples), workers)

    def in_order(self, examples: Dataset[Batch], drop_last: bool = False) -> DataLoader[Batch]:
        """Batches in the order of the examples."""
        own = torch.Generator()  # so that the loader draws nothing from the global generator
        return DataLoader(
            examples,
            self.batch_size,
            drop_last=drop_last,
            collate_fn=identity_collate,
            generator=own,
        )

    def slices(self, split: Split) -> BatchSlicingDataset:
        """A split, on the GPU that trains if it takes less than a quarter of the free memory."""
        examples, device = self.batch_examples(split), torch.device("cpu")
        there = self.trainer.strategy.root_device if self.trainer else device
        if there.type == "cuda" and 4 * examples.values.nbytes < torch.cuda.mem_get_info(there)[0]:
            device = there
        return BatchSlicingDataset(examples, device)

    def batch_examples(self, split: Split) -> Examples:
        """The examples of a split with the labels that batches have."""
        return self.examples(split)

    def order(self, examples: Dataset[Batch]) -> ResumableSampler:
        """The order of an epoch; each rank has a share of its own."""
        ranks, rank = (
            (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        )
        return ResumableSampler(examples, ranks, rank, seed=self.seed, drop_last=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The test split in its order."""
        return self.in_order(self.slices("test"))

    def on_after_batch_transfer(
        self, batch: tuple[Tensor, Tensor], dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        x, y = self.modality.normalize(batch[0]), self.modality.normalize_labels(batch[1])
        return self.to_model(x), self.to_model(y)

    def to_model(self, x: Tensor) -> Tensor:
        """A batch in the number format of the model; integers as they are."""
        model = self.trainer.lightning_module if self.trainer else None
        if not x.is_floating_point() or not isinstance(model, ZooModule):
            return x
        return x.to(model.parameter_dtype)

    def state_dict(self) -> dict[str, object]:
        return {"seed": self.seed, "seen": self.seen()}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        self.seed = int(str(state_dict["seed"]))

    def seen(self) -> dict[str, object]:
        """The data that a model is trained on, as plain data: for checkpoints and cards."""
        return {
            "class": self.class_path,
            "arguments": self.arguments(),
            **dict(zip(("name", "url", "terms", "license"), self.source[:4], strict=True)),
            "examples": self.count("train"),
            "sha256": self.fingerprint(),
        }

    @property
    def class_path(self) -> str:
        """The import path of the class of this data module."""
        return class_path_of(type(self))

    def arguments(self) -> dict[str, object]:
        """The arguments that build this data module again; paths of the user are absolute."""
        root = absolute(self.given_root) if "root" in self.own_paths else self.given_root
        return {"root": root} | {name: getattr(self, name) for name in self.recorded}

    def count(self, split: Split) -> int:
        """The number of examples of a split."""
        return len(self.examples(split).values)

    def fingerprint(self) -> str:
        """The sha256 of the training examples."""
        return self.digest("train")

    def digest(self, split: Split) -> str:
        """The sha256 of the values of a split."""
        values = self.examples(split).values
        if split not in self.digests or self.digests[split][0] is not values:
            found = hashlib.sha256(values.contiguous().numpy().data)
            self.digests[split] = values, found.hexdigest()
        return self.digests[split][1]
