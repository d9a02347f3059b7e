"""NumPy files of images, written in chunks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zipfile import ZipFile

from numpy.lib import format as npy
from torch import Tensor

from zoo.files import atomic_write

ENDINGS = (".npy", ".npz")
NAME = "arr_0.npy"  # name of the array in a .npz file, as in `np.savez`


def save(chunks: Iterator[Tensor], n: int, path: Path) -> None:
    """Write n examples as one array (n, ...) to a .npy or .npz file.

    The examples come in chunks (m, ...); only one chunk is in memory at a time.
    """
    with atomic_write(path) as temporary, open_array(temporary, path.suffix) as file:
        for i, values in enumerate(chunks):
            rows = values.contiguous().numpy()
            if i == 0:  # the header precedes all data, and needs the shape of an example
                header = {
                    "descr": npy.dtype_to_descr(rows.dtype),
                    "fortran_order": False,
                    "shape": (n, *rows.shape[1:]),
                }
                npy.write_array_header_1_0(file, header)
            file.write(rows.tobytes())


@contextmanager
def open_array(path: Path, ending: str) -> Iterator[IO[bytes]]:
    """Open a file for one array; with the ending .npz, an entry of an uncompressed archive."""
    if ending == ".npy":
        with path.open("wb") as file:
            yield file
        return
    with ZipFile(path, "w") as archive, archive.open(NAME, "w", force_zip64=True) as entry:
        yield entry
