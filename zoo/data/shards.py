"""Pictures that exceed the memory: image files, and tar files in WebDataset's format."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from zoo.core.arguments import Count
from zoo.data.arrays import every_tenth
from zoo.data.images import Examples, Split
from zoo.data.inventory import Inventory
from zoo.data.listing import Listing, list_files
from zoo.data.resumable import Batch
from zoo.data.streaming import ImageEntry, ImageIndex, StreamedImages, index_tar, inspect_entry
from zoo.data.user_images import Unreadable, UserImages
from zoo.decoding import ENDINGS, BadPicture, quiet_decoders, workers

LIMIT = 20_000  # pictures of a split that metrics and callbacks use, and that are inspected
CHUNK = 500


class Shards(UserImages):
    """All pictures below `root`, also those inside tar files, decoded on demand by `workers`
    processes; the other arguments are those of UserImages.

    Memory holds only the index. Each rank and worker reads a share of one shuffle of all pictures,
    and a training resumes within it. A label is the class in `NAME.cls` beside `NAME.jpg` in a tar
    file, else the index of the folder or tar file in alphabetical order. Every tenth picture is in
    the test split. Up to 20,000 pictures are inspected before a training; `unreadable: skip`
    replaces an unreadable picture by the next one.
    """

    contents = "pictures and no tar files of pictures"

    def __init__(
        self,
        root: str | None = None,
        size: Count | None = None,
        batch_size: Count = 64,
        labels: bool = False,
        mirror: bool = False,
        workers: int = 2,
        channels: Count | None = None,
        unreadable: Unreadable = "stop",
    ) -> None:
        super().__init__(root, size, batch_size, labels, mirror, None, channels, unreadable)
        self.workers = workers

    def read(self, split: Split) -> Examples:
        """The first 20,000 pictures of a split, for metrics and callbacks."""
        dataset = self.dataset(self.entries(split)[:LIMIT], labels=True)
        starts = tqdm(range(0, len(dataset), CHUNK), f"{split} images", leave=False, disable=None)
        chunks = [list(range(i, min(i + CHUNK, len(dataset)))) for i in starts]
        parts = [dataset.__getitems__(indices) for indices in chunks]
        return Examples(*(torch.cat(side) for side in zip(*parts, strict=True)))

    def dataset(self, entries: list[ImageEntry], labels: bool) -> StreamedImages:
        """A data set of some entries with the settings of this data module."""
        return StreamedImages(entries, self.size, labels, self.channels, self.unreadable, self.root)

    def entries(self, split: Split) -> list[ImageEntry]:
        """The entries of a split; raises BadRecipe for unreadable pictures."""
        self.check_inventory(self.inventory)
        return [self.all_entries[i] for i in every_tenth(len(self.all_entries), split).tolist()]

    @property
    def all_entries(self) -> list[ImageEntry]:
        """The entries of both splits, in the order of their paths."""
        return self.index.entries

    @cached_property
    def listing(self) -> Listing:
        """The image files and tar files below `root`."""
        self.check_root()
        return list_files(self.root, {".tar", *ENDINGS})

    @cached_property
    def index(self) -> ImageIndex:
        """All entries, and the faults of tar files, of their members and of folders."""
        faults = {self.relative(path): why for path, why in self.listing.faults.items()}
        files, entries = self.listing.files, list[ImageEntry]()
        owners = {p: i for i, p in enumerate(sorted({label_path(path) for path in files}))}
        for path in files:
            label = owners[label_path(path)]
            if path.suffix.lower() != ".tar":
                size = path.stat().st_size if path.is_file() else 0
                entries.append(ImageEntry(str(path), 0, size, label))
                continue
            try:
                members, bad = index_tar(path, label)
            except BadPicture as fault:
                members, bad = [], {}
                faults[self.relative(path)] = str(fault)
            entries += members
            faults |= {f"{self.relative(path)}:{name}": why for name, why in bad.items()}
        return ImageIndex(entries, faults)

    def relative(self, path: Path) -> str:
        """A path relative to `root`."""
        return str(path.relative_to(self.root))

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory of at most 20,000 pictures at regular intervals."""
        step = max(1, -(-len(self.all_entries) // LIMIT))  # rounded up
        inspected = self.all_entries[::step]
        with quiet_decoders(), ThreadPoolExecutor(workers()) as pool:
            bar = tqdm(inspected, "inspecting pictures", leave=False, disable=None)
            results = list(pool.map(lambda entry: inspect_entry(entry, self.size), bar))
        pairs = list(zip(inspected, results, strict=True))
        broken = {e.name(self.root): str(f) for e, f in pairs if isinstance(f, BadPicture)}
        readable = [result for result in results if not isinstance(result, BadPicture)]
        return Inventory(
            str(self.root),
            self.size,
            len(self.all_entries) - len(broken),
            [header for header, _ in readable],
            self.index.faults | broken,
            self.listing.unsupported,
            bool(readable) and all(gray for _, gray in readable),
            folders=len({entry.label for entry in inspected}),
        )

    def fingerprint(self) -> str:
        """The sha256 of the paths, offsets and sizes of all pictures, instead of their pixels."""
        if self.offline:
            return super().fingerprint()
        digest = hashlib.sha256()
        for entry in self.all_entries:
            place = Path(entry.path).relative_to(self.root)
            digest.update(f"{place} {entry.start} {entry.size}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def count(self, split: Split) -> int:
        return super().count(split) if self.offline else len(self.entries(split))

    def arguments(self) -> dict[str, object]:
        return {k: v for k, v in super().arguments().items() if k != "exclude_class"}

    def prepare_splits(self) -> None:
        if self.offline:  # a few images in memory
            return super().prepare_splits()
        self.prepare(len(self.entries("train")))

    def train_dataloader(self) -> DataLoader[Batch]:
        if self.offline:
            return super().train_dataloader()
        return self.loader(self.dataset(self.entries("train"), self.labels), self.workers)


def label_path(path: Path) -> Path:
    """The path by which a file is labeled: the tar file itself, else the folder."""
    return path if path.suffix.lower() == ".tar" else path.parent
