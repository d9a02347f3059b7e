"""What readers of people's own pictures share."""

import os
import sys
from abc import abstractmethod
from pathlib import Path
from typing import Literal, get_args

import torch
import yaml
from torch import Tensor

from zoo.core.arguments import Count
from zoo.data.images import DatasetInfo, ImageDataModule, Split
from zoo.data.inventory import NAMED, Inventory, named
from zoo.errors import BadRecipe, MissingData
from zoo.files import atomic_write

Unreadable = Literal["stop", "skip"]
INVENTORY = "pictures.yaml"
LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601


class UserImages(ImageDataModule):
    """Every picture below `root`, its centre square antialiased to (channels, size, size).

    `channels` is 1 where every file is of a grey kind, unless given. `unreadable` pictures stop a
    training before it begins, all named at once, or are left out by `skip`. Hidden files, and those
    of file managers, are no pictures. Raises BadRecipe without a root or for pictures that cannot
    be read, and MissingData where there are none.
    """

    source = DatasetInfo("your own pictures", "not published", "unknown", "unknown")
    usual_size = 64
    extractor = "squeezenet"
    reference = "train"
    holds = "images"
    mend = "Check that the disk is mounted and that you may read it"

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
            raise BadRecipe(f"channels must be 1, 3 or null, got {channels}. Null follows the data")
        if unreadable not in get_args(Unreadable):
            raise BadRecipe(f"unreadable must be stop or skip, got {unreadable!r}")
        self.given_channels, self.unreadable = channels, unreadable
        if root:
            self.source = self.source._replace(title=f"{self.root.resolve().name} (own pictures)")

    @property
    def channels(self) -> int:  # type: ignore[override]
        """Those given, else what the pictures have: 3 as long as none are named."""
        return self.given_channels or (3 if not self.given else self.inventory.channels)

    @property
    def statistics(self) -> Path:
        """Below the data root: nothing is written among people's pictures."""
        usual = Path(os.environ.get("ZOO_DATA") or "data")
        return (self.root if self.offline else usual) / "statistics"

    def arguments(self) -> dict[str, object]:
        own = {"channels": self.given_channels, "unreadable": self.unreadable}
        return super().arguments() | own | {"root": self.given and str(Path(self.given).absolute())}

    @property
    @abstractmethod
    def inventory(self) -> Inventory:
        """What the folder holds; raises MissingData where that is nothing."""

    def prepare_data(self) -> None:
        self.check_root()
        super().prepare_data()

    def check_root(self) -> None:
        """Refuse to read what nobody named."""
        if not self.given and not self.splits:
            raise BadRecipe(
                "root must be a folder of pictures, got none. Name yours by `zoo fit NAME --data "
                "FOLDER`, or by --data.init_args.root"
            )
        if self.given and not self.root.is_dir():
            what = "a file" if self.root.exists() else "not there"
            raise MissingData(
                f"there are no {self.holds} below {self.root.absolute()}, which is {what}: name "
                "your folder of pictures by --data.init_args.root"
            )

    def check(self, inventory: Inventory) -> None:
        """Refuse a folder without pictures, and unreadable ones unless they are to be skipped."""
        if not inventory.total and not inventory.faults:
            passed = ", ".join(sorted(inventory.passed_over))
            remedy = "unpack archives, convert pictures to JPEG or PNG, read .tar by Shards"
            raise MissingData(
                f"there are no {self.holds} below {self.root.absolute()}"
                + f" ({passed} are not read: {remedy})" * bool(passed)
                + ": name your folder of pictures with --data.init_args.root"
            )
        if inventory.faults and (self.unreadable == "stop" or not inventory.total):
            if len(inventory.faults) > NAMED:  # which do not fit into one line
                print(*inventory.lines(), sep="\n", file=sys.stderr)
            bad = len(inventory.faults)
            raise BadRecipe(
                f"{bad:,} of {inventory.total + bad:,} pictures below {self.root.absolute()} "
                f"cannot be read: {named(inventory.faults)}. Mend them or move them away, or leave "
                "them out by --data.init_args.unreadable skip (of --folder: --unreadable skip)"
            )

    def setup(self, stage: str | None = None) -> None:
        self.check_root()
        if stage == "fit" and self.trainer and self.trainer.is_global_zero and not self.offline:
            self.report(self.inventory, Path(self.trainer.default_root_dir))
        self.set_up()

    def set_up(self) -> None:
        super().setup()

    def report(self, inventory: Inventory, folder: Path) -> None:
        """Print what the folder holds, and keep it in the run folder."""
        print(*inventory.lines(), sep="\n", file=sys.stderr)
        with atomic_write(folder / INVENTORY) as beside:
            words = yaml.safe_dump(inventory.as_data(), sort_keys=False, allow_unicode=True)
            beside.write_text(words, encoding="utf-8", errors="backslashreplace")

    def limit_to(self, n: int, root: str) -> None:
        if not self.given:
            self.splits = dict.fromkeys(get_args(Split), self.toy(n))
        super().limit_to(n, root)


def grey(pixels: Tensor) -> Tensor:
    """Images (n, 3, h, w) in uint8 by their luma, (n, 1, h, w)."""
    chunks = pixels.split(256)
    return torch.cat([(LUMA * x).sum(1, keepdim=True).round().to(torch.uint8) for x in chunks])


def memory() -> int:
    """Bytes of memory that are free, or of the whole machine where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration, ValueError):
        pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
        return pages * os.sysconf("SC_PAGE_SIZE") if pages else 2**40
