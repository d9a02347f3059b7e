"""Data module of heartbeats, for the detection of anomalies."""

from io import BytesIO
from typing import ClassVar
from zipfile import ZipFile

import numpy as np
import torch

from zoo.core.arguments import Count
from zoo.core.modality import Series
from zoo.data.arrays import DatasetInfo, Examples, Split
from zoo.data.downloads import fetch
from zoo.data.series import SeriesDataModule
from zoo.errors import BadRecipe
from zoo.files import atomic_write

ADDRESS = "https://www.timeseriesclassification.com/aeon-toolkit/ECG5000.zip"
MEMBER = "ECG5000_TRAIN.txt"
LARGEST = 2**26  # bytes of the archive and of a file in it
BEATS, STEPS, KINDS = 500, 140, 5
NORMAL = 1  # the kind in the file


class ECG5000(SeriesDataModule):
    """Heartbeats of one patient, each of 140 steps with mean 0 and variance 1. The training split
    has only normal ones: four of five. The test split has the others, and all that are not normal.
    Labels (n,) are 0 for normal beats, 1 to 4 for the kinds of anomalies.

    Only the 500 beats of the archive's training part are used; values from -6 to 6 are scaled to
    [0, 1]. Chen et al., 2015, the UCR archive. The file is `root/ecg5000_train.npz`; a download
    writes it.
    """

    source = DatasetInfo(
        "ECG5000",
        "https://www.timeseriesclassification.com/description.php?Dataset=ECG5000",
        "research use, by the UCR archive; the recording is chf07 of PhysioNet, ODC-By 1.0",
        "ODC-By-1.0",
    )
    file: ClassVar = "ecg5000_train.npz"
    ranges: ClassVar = {"potential": [-6.0, 6.0]}

    def __init__(
        self, root: str | None = None, batch_size: Count = 32, length: Count = STEPS
    ) -> None:
        super().__init__(root, batch_size, length)
        if length != STEPS:
            raise BadRecipe(f"length must be {STEPS} steps, got {length}. Leave it out")

    @property
    def modality(self) -> Series:
        return Series(STEPS, dict(self.ranges))

    def download(self) -> None:
        path = self.root / self.file
        if path.is_file():
            return
        with ZipFile(BytesIO(fetch(ADDRESS, LARGEST))) as archive:
            if (size := archive.getinfo(MEMBER).file_size) > LARGEST:
                raise ValueError(f"{MEMBER} must be at most {LARGEST:,} bytes, got {size:,}")
            kinds, series = np.split(np.loadtxt(BytesIO(archive.read(MEMBER)), ndmin=2), [1], 1)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                series=series.astype(np.float32),
                labels=kinds[:, 0].astype(np.uint8),
            )

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        with np.load(self.root / self.file, allow_pickle=False) as archive:
            series, kinds = archive["series"], archive["labels"]
        if series.shape != (BEATS, STEPS) or kinds.shape != (BEATS,) or series.dtype != np.float32:
            raise ValueError(
                f"series must be ({BEATS}, {STEPS}) in float32 and labels ({BEATS},), got "
                f"{series.shape} in {series.dtype} and {kinds.shape}"
            )
        if kinds.min() != NORMAL or kinds.max() > KINDS:
            raise ValueError(
                f"labels must be from 1 to {KINDS}, got {kinds.min()} to {kinds.max()}"
            )
        normal = np.flatnonzero(kinds == NORMAL)
        held_out = np.arange(len(normal)) % 5 == 0
        test = np.union1d(normal[held_out], np.flatnonzero(kinds != NORMAL))
        chosen = test if split == "test" else normal[~held_out]
        values = torch.from_numpy(series[chosen]).double()[..., None]  # (n, 140, 1)
        return Examples(values, torch.from_numpy(kinds[chosen].astype(np.int64)) - NORMAL)
