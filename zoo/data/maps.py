"""Maps: aerial photos beside maps. Isola et al., 2017, https://arxiv.org/abs/1611.07004"""

import tarfile
from pathlib import Path

from torchvision.datasets.utils import download_url

from zoo.data.arrays import DatasetInfo
from zoo.data.pairs import ImagePairDataModule, Pair, PairFiles, decode_halves

URL = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz"


class Maps(ImagePairDataModule):
    """Aerial photos and maps (n, 3, size, size) from `maps/{train,val}`: 1,096 training pairs.

    Inputs are photos and targets maps; `reverse` exchanges them. The authors' files, of 600 pixels,
    are downloaded where there are none.
    """

    source = DatasetInfo(
        "Maps",
        "https://github.com/phillipi/pix2pix",
        "none stated with the files; Google Maps, research use",
        "CC-BY-NC-4.0",
    )

    @property
    def folder(self) -> Path:
        return self.root / "maps"

    def download(self) -> None:
        if self.has("train"):
            return
        download_url(URL, str(self.root))
        archive = self.root / "maps.tar.gz"
        with tarfile.open(archive) as members:
            members.extractall(self.root, filter="data")  # no path outside of the folder
        archive.unlink()

    def decode(self, files: PairFiles) -> Pair:
        return decode_halves(files[0], self.size)
