"""edges2photos: shoes, bags and wallets beside drawings of their edges."""

from pathlib import Path

from zoo.data.arrays import DatasetInfo
from zoo.data.pairs import ImagePairDataModule, Pair, PairFiles, decode_halves


class Edges2Photos(ImagePairDataModule):
    """Edges and photos (n, 3, size, size) from `edges2photos/{train,val}`, without a download.

    Files hold the photo in their left half and its edges in their right half. Inputs are edges and
    targets photos; `reverse` exchanges them.
    """

    source = DatasetInfo(
        "edges2photos",
        "https://github.com/phillipi/pix2pix",
        "none stated with the files; research use",
        "CC-BY-NC-4.0",
        "lay pairs of photos and their edges, side by side, in edges2photos/train and "
        "edges2photos/val, or train on your own pairs by zoo.data.SideBySide",
    )
    default_size = 128

    @property
    def folder(self) -> Path:
        return self.root / "edges2photos"

    def download(self) -> None:
        if not self.has("train"):
            raise FileNotFoundError("its files are not published for download")

    def decode(self, files: PairFiles) -> Pair:
        photo, edges = decode_halves(files[0], self.size)
        return Pair(edges, photo)
