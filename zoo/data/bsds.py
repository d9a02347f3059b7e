"""BSDS500: photographs of scenes. Arbelaez et al., 2011, https://doi.org/10.1109/TPAMI.2010.161"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from zoo.data.downloads import fetch_pictures
from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.data.listing import list_files
from zoo.data.pairs import read_upright
from zoo.decoding import BadPicture, quiet_decoders, workers

COMMIT = "a04b7c6c3a9f0ace74bf205c72a43d32e1c72722"
ADDRESS = f"https://codeload.github.com/BIDS/BSDS500/zip/{COMMIT}"
LARGEST = 200_000_000  # bytes of the archive
FOLDERS = {"train": "train", "val": "test"}  # of the archive and of ours: val is "BSD100"


class BSDS(ImageDataModule):
    """Square crops (n, 3, size, size) of the photographs in `bsds/{train,test}`, without labels.

    Photographs of 481 x 321 pixels are cut into squares at distances of size / 2, which overlap by
    half: 126 of 64 pixels, 45 of 96 pixels. The test split is the validation set of BSDS500, which
    papers on super-resolution call BSD100. The authors' files are downloaded where there are none.
    """

    source = DatasetInfo(
        "BSDS500",
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
        "research and education, by the Berkeley Computer Vision Group",
        "CC-BY-NC-4.0",
    )
    default_size = 96
    extractor = "squeezenet"

    @property
    def folder(self) -> Path:
        """The folder of the photographs."""
        return self.root / "bsds"

    def download(self) -> None:
        if (self.folder / "train").is_dir():
            return
        fetch_pictures(ADDRESS, LARGEST, place, self.folder)

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        files = list_files(self.folder / split).files
        if not files:
            raise BadPicture(f"there are no photographs of the {split} split in {self.folder}")
        with quiet_decoders(), ThreadPoolExecutor(workers()) as pool:
            crops = list(pool.map(self.crops, files))
        joined = torch.from_numpy(np.concatenate(crops))
        if split == "test":  # the central crops of all photographs first
            number = np.concatenate([abs(np.arange(len(c)) - len(c) // 2) for c in crops])
            joined = joined[torch.from_numpy(number.argsort(kind="stable"))]
        return Examples(joined, torch.empty(len(joined), 0, dtype=torch.int64))

    def crops(self, file: Path) -> np.ndarray:
        """The squares (n, 3, size, size) of a photograph; raises BadPicture for a smaller one."""
        try:
            pixels = np.asarray(read_upright(file)).transpose(2, 0, 1)
        except BadPicture as fault:
            raise BadPicture(f"{file.name} {fault}") from fault
        height, width = pixels.shape[1:]
        if min(height, width) < self.size:
            raise BadPicture(
                f"{file.name} must have sides >= {self.size} pixels, got {width} x {height}"
            )
        corners = [(y, x) for y in starts(height, self.size) for x in starts(width, self.size)]
        return np.stack([pixels[:, y : y + self.size, x : x + self.size] for y, x in corners])


def place(path: Path) -> Path | None:
    """The place of a file of the archive in our folder; None for what is no photograph of ours."""
    folder = FOLDERS.get(path.parent.name)
    return Path(folder, path.name) if folder and path.suffix == ".jpg" else None


def starts(length: int, size: int) -> list[int]:
    """First pixels of squares of `size` pixels at distances of size / 2 within `length` pixels."""
    return list(range(0, length - size + 1, max(1, size // 2)))
