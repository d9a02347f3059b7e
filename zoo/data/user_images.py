"""The base of data modules of a user's own pictures."""

import sys
from abc import abstractmethod
from pathlib import Path
from typing import Literal, get_args

import torch
import yaml
from torch import Tensor

from zoo.core.arguments import Count
from zoo.data.images import DatasetInfo, ImageDataModule, Split
from zoo.data.inventory import LISTED, Inventory, join_faults
from zoo.errors import BadRecipe, MissingData
from zoo.files import atomic_write

Unreadable = Literal["stop", "skip"]
INVENTORY = "pictures.yaml"
LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601
NAME_FOLDER = "Name your folder of pictures by `zoo fit NAME --data FOLDER`"


class UserImages(ImageDataModule):
    """All pictures below `root`, each cropped to its center square and resized with antialiasing to
    (channels, size, size).

    `channels` is by default 1 where every file has a gray mode, else 3. Unreadable pictures stop a
    training before its first step, or are left out where `unreadable` is `skip`. Hidden files and
    those of file managers are ignored. Raises BadRecipe without a root and for unreadable pictures,
    MissingData where there are no pictures.
    """

    source = DatasetInfo("your own pictures", "not published", "unknown", "unknown")
    default_size = 64
    extractor = "squeezenet"
    reference = "train"
    contents = "images"
    own_paths = ("root",)
    damage_remedy = "Check that the disk is mounted and that you may read it"

    def __init__(
        self,
        root: str | None = None,
        size: Count | None = None,
        batch_size: Count = 64,
        labels: bool = False,
        mirror: bool = False,
        exclude_class: int | None = None,
        channels: Count | None = None,
        unreadable: Unreadable = "stop",
    ) -> None:
        super().__init__(root, size, batch_size, labels, mirror, exclude_class)
        if channels not in (None, 1, 3):
            raise BadRecipe(
                f"channels must be 1, 3 or null, got {channels}. Null takes those of the pictures"
            )
        if unreadable not in get_args(Unreadable):
            raise BadRecipe(
                f"unreadable must be stop or skip, got {unreadable!r}. The default is stop"
            )
        self.given_channels, self.unreadable = channels, unreadable
        if root:
            self.source = self.source.named(self.root.resolve(), "pictures")

    @property
    def channels(self) -> int:  # type: ignore[override]
        """The argument, else the channels of the pictures; 3 without a root."""
        return self.given_channels or (3 if not self.given_root else self.inventory.channels)

    def arguments(self) -> dict[str, object]:
        own = {"channels": self.given_channels, "unreadable": self.unreadable}
        return super().arguments() | own

    @property
    @abstractmethod
    def inventory(self) -> Inventory:
        """The inventory of the folder."""

    def prepare_data(self) -> None:
        self.check_root()
        super().prepare_data()

    def check_root(self) -> None:
        """Raise BadRecipe without a root, MissingData unless it is a folder."""
        if not self.given_root and not self.splits:
            raise BadRecipe(
                f"root must be a folder of pictures, got none. {NAME_FOLDER}, or by "
                "--data.init_args.root"
            )
        if self.given_root and not self.root.is_dir():
            kind = "a file" if self.root.exists() else "a path that does not exist"
            raise MissingData(
                f"root must be a folder of pictures, got {self.root.absolute()}, {kind}. "
                f"{NAME_FOLDER}. If it was moved after training, copy the run's recipe.yaml to "
                "FILE, set its data.init_args.root to the new path, and give --recipe FILE"
            )

    def check_inventory(self, inventory: Inventory) -> None:
        """Raise MissingData for a folder without pictures, BadRecipe for unreadable pictures unless
        they are skipped and others are readable."""
        if not inventory.total and not inventory.faults:
            formats = ", ".join(sorted(inventory.unsupported))
            remedy = "Unpack archives, convert pictures to JPEG or PNG, read .tar by Shards. "
            raise MissingData(
                f"there are no {self.contents} below {self.root.absolute()}"
                + (f", only unsupported formats ({formats}). {remedy}" if formats else ". ")
                + NAME_FOLDER
            )
        if inventory.faults and (self.unreadable == "stop" or not inventory.total):
            if len(inventory.faults) > LISTED:  # the message lists only the first
                print(*inventory.lines(), sep="\n", file=sys.stderr)
            bad = len(inventory.faults)
            raise BadRecipe(
                f"pictures below {self.root.absolute()} must be readable, got {bad:,} unreadable "
                f"of {inventory.total + bad:,}: {join_faults(inventory.faults)}. Repair or remove "
                "them, or leave them out by --data.init_args.unreadable skip (of --folder: "
                "--unreadable skip)"
            )

    def setup(self, stage: str | None = None) -> None:
        self.check_root()
        if stage == "fit" and self.trainer and self.trainer.is_global_zero and not self.offline:
            self.write_inventory(self.inventory, Path(self.trainer.default_root_dir))
        self.prepare_splits()

    def prepare_splits(self) -> None:
        """Load the splits and check the batch size and the model against them."""
        super().setup()

    def write_inventory(self, inventory: Inventory, folder: Path) -> None:
        """Print the inventory, and write it into a run folder."""
        print(*inventory.lines(), sep="\n", file=sys.stderr)
        with atomic_write(folder / INVENTORY) as temporary:
            text = yaml.safe_dump(inventory.as_data(), sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")

    def limit_to(self, n: int, root: str) -> None:
        if not self.given_root:
            self.splits = dict.fromkeys(get_args(Split), self.toy(n))
        super().limit_to(n, root)


def to_gray(pixels: Tensor) -> Tensor:
    """The luma (n, 1, h, w) in uint8 of images (n, 3, h, w) in uint8."""
    chunks = pixels.split(256)  # products are in float32
    return torch.cat([(LUMA * x).sum(1, keepdim=True).round().to(torch.uint8) for x in chunks])
