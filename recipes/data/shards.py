"""Pictures too many for memory: loose files, and tar files as WebDataset writes them."""

import io
import tarfile
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets.folder import IMG_EXTENSIONS

from recipes.data.folder import cut
from recipes.data.images import ImageData, Images, Source, Split, every_tenth
from recipes.data.order import Batch
from zoo.errors import BadRecipe, MissingData

MOST = 20_000  # of the pictures of a split that measures and callbacks look at


class Piece(NamedTuple):
    """Where a picture's bytes are: in a file of its own, or inside of a tar file."""

    path: str
    start: int
    size: int
    label: int


class Pieces(Dataset[Batch]):
    """Pictures decoded when they are asked for."""

    def __init__(self, pieces: list[Piece], size: int, labels: bool) -> None:
        self.pieces, self.size, self.labels = pieces, size, labels

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Images (n, 3, size, size) in uint8 and labels (n,), or (n, 0)."""
        chosen = [self.pieces[i] for i in indices]
        pixels = np.stack([self.decode(piece) for piece in chosen])
        labels = torch.tensor([piece.label for piece in chosen])
        return torch.from_numpy(pixels), labels if self.labels else torch.empty(len(chosen), 0)

    def decode(self, piece: Piece) -> np.ndarray:
        with open(piece.path, "rb") as file:
            file.seek(piece.start)
            return cut(io.BytesIO(file.read(piece.size)), self.size, piece.path)


class Shards(ImageData):
    """Every picture below `root`, also those in its tar files, its centre square antialiased to
    (3, size, size); read and decoded by `workers` processes when its turn has come.

    Only places are kept in memory. Every rank and worker reads its own share of a shuffle of all,
    and a resumed training goes on within it. The label is that of `NAME.cls` beside `NAME.jpg` in a
    tar file, else the folder or tar file, by number. Every tenth picture is held out for the test
    split. Raises MissingData without pictures, BadRecipe for broken ones.
    """

    source = Source("your own pictures", "your own disk", "yours", "yours to decide")
    usual_size = 64
    extractor = "squeezenet"
    reference = "train"

    def __init__(
        self,
        root: str | None = None,
        size: int | None = None,
        batch_size: int = 64,
        labels: bool = False,
        mirror: bool = False,
        workers: int = 2,
    ) -> None:
        super().__init__(root, size, batch_size, labels, mirror)
        self.workers = workers

    def read(self, split: Split) -> Images:
        """The first 20,000 pictures of a split, which is what measures look at."""
        pieces = Pieces(self.pieces(split)[:MOST], self.size, labels=True)
        return Images(*pieces.__getitems__(list(range(len(pieces)))))

    def pieces(self, split: Split) -> list[Piece]:
        return [self.everything[i] for i in every_tenth(len(self.everything), split).tolist()]

    @cached_property
    def everything(self) -> list[Piece]:
        """Where all pictures are, in the order of their names."""
        found: list[Piece] = []
        places = [path for path in self.root.rglob("*") if path.suffix in {".tar", *IMG_EXTENSIONS}]
        parents = sorted({p if p.suffix == ".tar" else p.parent for p in places})
        for path in sorted(places):
            if path.suffix == ".tar":
                found += inside(path, parents.index(path))
            else:
                label = parents.index(path.parent)
                found.append(Piece(str(path), 0, path.stat().st_size, label))
        if not found:
            raise MissingData(
                f"there are no pictures and no tar files of pictures below {self.root.absolute()}: "
                "name their folder with --data.init_args.root"
            )
        return found

    def setup(self, stage: str | None = None) -> None:
        self.prepare(len(self.pieces("train")), (self.channels, self.size, self.size))

    def train_dataloader(self) -> DataLoader[Batch]:
        return self.loader(Pieces(self.pieces("train"), self.size, self.labels), self.workers)


def inside(path: Path, label: int) -> list[Piece]:
    """The pictures of an uncompressed tar file; raises BadRecipe for another one."""
    try:
        with tarfile.open(path, "r:") as archive:
            members = [member for member in archive if member.isfile()]
            classes = {
                member.name[:-4]: int(file.read())
                for member in members
                if member.name.endswith(".cls") and (file := archive.extractfile(member))
            }
    except (tarfile.TarError, ValueError, OSError) as error:
        raise BadRecipe(f"{path} is not a plain tar file of pictures: {error}") from error
    pictures = [m for m in members if m.name.lower().endswith(IMG_EXTENSIONS)]
    return [
        Piece(str(path), m.offset_data, m.size, classes.get(m.name.rpartition(".")[0], label))
        for m in pictures
    ]
