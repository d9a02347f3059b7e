"""Pictures too many for memory: loose files, and tar files as WebDataset writes them."""

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
from zoo.data.streaming import ImageEntry, Inside, StreamedImages, inside, look
from zoo.data.user_images import Unreadable, UserImages
from zoo.decoding import ENDINGS, BadPicture, quiet_decoders, workers

MOST = 20_000  # of the pictures of a split that measures and callbacks look at
CHUNK = 500


class Shards(UserImages):
    """Every picture below `root`, also those in its tar files, read and decoded by `workers`
    processes when its turn has come; the other arguments are those of OwnPictures.

    Only places are kept in memory. Every rank and worker reads its own share of a shuffle of all,
    and a resumed training goes on within it. The label is that of `NAME.cls` beside `NAME.jpg` in a
    tar file, else the folder or tar file, by number. Every tenth picture is held out for the test
    split. Before a training up to 20,000 pictures are looked at; by `skip` the next
    picture takes the place of one that cannot be read.
    """

    holds = "pictures and no tar files of pictures"

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
        """The first 20,000 pictures of a split, which is what measures look at."""
        chosen = self.dataset(self.pieces(split)[:MOST], labels=True)
        starts = tqdm(range(0, len(chosen), CHUNK), f"{split} images", leave=False, disable=None)
        indices = [list(range(i, min(i + CHUNK, len(chosen)))) for i in starts]
        parts = [chosen.__getitems__(some) for some in indices]
        return Examples(*(torch.cat(side) for side in zip(*parts, strict=True)))

    def dataset(self, pieces: list[ImageEntry], labels: bool) -> StreamedImages:
        return StreamedImages(pieces, self.size, labels, self.channels, self.unreadable, self.root)

    def pieces(self, split: Split) -> list[ImageEntry]:
        self.check(self.inventory)
        return [self.everything[i] for i in every_tenth(len(self.everything), split).tolist()]

    @property
    def everything(self) -> list[ImageEntry]:
        """Where all pictures are, in the order of their names."""
        return self.listed.pieces

    @cached_property
    def listing(self) -> Listing:
        self.check_root()
        return list_files(self.root, {".tar", *ENDINGS})

    @cached_property
    def listed(self) -> Inside:
        """That, and by name why tar files, files in them and folders cannot be read."""
        faults = {self.relative(path): why for path, why in self.listing.faults.items()}
        places, found = self.listing.files, list[ImageEntry]()
        parents = {p: i for i, p in enumerate(sorted({parent(path) for path in places}))}
        for path in places:
            label = parents[parent(path)]
            if path.suffix.lower() != ".tar":
                size = path.stat().st_size if path.is_file() else 0
                found.append(ImageEntry(str(path), 0, size, label))
                continue
            try:
                pieces, bad = inside(path, label)
            except BadPicture as fault:
                pieces, bad = [], {}
                faults[self.relative(path)] = str(fault)
            found += pieces
            faults |= {f"{self.relative(path)}:{name}": why for name, why in bad.items()}
        return Inside(found, faults)

    def relative(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    @cached_property
    def inventory(self) -> Inventory:
        """Of at most 20,000 pictures that are spread over all."""
        chosen = self.everything[:: max(1, -(-len(self.everything) // MOST))]
        with quiet_decoders(), ThreadPoolExecutor(workers()) as pool:
            bar = tqdm(chosen, "looking at pictures", leave=False, disable=None)
            found = list(pool.map(lambda piece: look(piece, self.size), bar))
        pairs = list(zip(chosen, found, strict=True))
        broken = {p.name(self.root): str(f) for p, f in pairs if isinstance(f, BadPicture)}
        seen = [pair for pair in found if not isinstance(pair, BadPicture)]
        return Inventory(
            str(self.root),
            self.size,
            len(self.everything) - len(broken),
            [header for header, _ in seen],
            self.listed.faults | broken,
            self.listing.passed_over,
            bool(seen) and all(grey for _, grey in seen),
            folders=len({piece.label for piece in chosen}),
        )

    def fingerprint(self) -> str:
        """The sha256 of the places and sizes of all pictures: their pixels are never all here."""
        if self.offline:
            return super().fingerprint()
        digest = hashlib.sha256()
        for piece in self.everything:
            place = Path(piece.path).relative_to(self.root)
            digest.update(f"{place} {piece.start} {piece.size}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def count(self, split: Split) -> int:
        return super().count(split) if self.offline else len(self.pieces(split))

    def arguments(self) -> dict[str, object]:
        return {k: v for k, v in super().arguments().items() if k != "exclude_class"}

    def set_up(self) -> None:
        if self.offline:  # a few images in memory
            return super().set_up()
        self.prepare(len(self.pieces("train")))

    def train_dataloader(self) -> DataLoader[Batch]:
        if self.offline:
            return super().train_dataloader()
        return self.loader(self.dataset(self.pieces("train"), self.labels), self.workers)


def parent(path: Path) -> Path:
    """What a picture's label is of: its folder; a tar file is one by itself."""
    return path if path.suffix.lower() == ".tar" else path.parent
