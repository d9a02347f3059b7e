"""Images as NumPy arrays in files, written a few at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zipfile import ZipFile

from numpy.lib import format as npy
from torch import Tensor

from zoo.files import atomic_write

ENDINGS = (".npy", ".npz")
NAME = "arr_0.npy"  # of the array in a .npz, as `np.savez` calls it


def save(chunks: Iterator[Tensor], n: int, path: Path) -> None:
    """Write n images, which come as chunks (m, channels, h, w) in uint8, as one uint8 array
    (n, h, w, channels) into a .npy or .npz file; only a chunk of them is in memory."""
    with atomic_write(path) as beside, opened(beside, path.suffix) as file:
        for number, pixels in enumerate(chunks):
            rows = pixels.permute(0, 2, 3, 1).contiguous().numpy()
            if number == 0:
                header = {"descr": "|u1", "fortran_order": False, "shape": (n, *rows.shape[1:])}
                npy.write_array_header_1_0(file, header)
            file.write(rows.tobytes())


@contextmanager
def opened(path: Path, ending: str) -> Iterator[IO[bytes]]:
    """A file for one array, in a .npz inside of an archive without compression."""
    if ending == ".npy":
        with path.open("wb") as file:
            yield file
        return
    with ZipFile(path, "w") as archive, archive.open(NAME, "w", force_zip64=True) as entry:
        yield entry
