"""CelebA: 202,599 faces with 40 attributes. Liu et al., 2015, https://arxiv.org/abs/1411.7766"""

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import datasets
from torchvision.datasets.utils import download_file_from_google_drive
from tqdm import tqdm

from zoo.data.arrays import every_tenth
from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.data.listing import is_picture
from zoo.decoding import DAMAGE, BadPicture, opened
from zoo.files import atomic_write

CROP = 148  # the side of the centre square, in a picture 178 wide
ARCHIVE = "img_align_celeba.zip"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
NAME = re.compile(r"[\w-]+")  # of an attribute


class CelebA(ImageDataModule):
    """Images (n, 3, size, size); labels (n, 40), 1 where a face has the attribute, else 0.

    Crop `celeba-148`: the centre square of 148/178 of the width, antialiased to `size`. The
    official zip is read as it is, and what was cut is kept beside it. An archive that holds
    no face of the official test partition has every tenth of its faces held out instead.
    """

    source = DatasetInfo(
        "CelebA",
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "non-commercial research only, by MMLAB, The Chinese University of Hong Kong",
        "CC-BY-NC-4.0",
        "`pip install generative-zoo[celeba]` and connect to the internet once",
    )
    usual_size = 64
    extractor = "squeezenet"
    reference = "train"

    @property
    def folder(self) -> Path:
        return self.root / "celeba"

    @property
    def attributes(self) -> tuple[str, ...]:
        self.prepare_data()
        try:
            with (self.folder / ATTRIBUTES).open(encoding="utf-8", errors="replace") as lines:
                names = " ".join(islice(lines, 1, 2)).split()
            if not names or not all(map(NAME.fullmatch, names)):
                raise BadPicture(f"{ATTRIBUTES} must name attributes on its second line")
        except DAMAGE as error:
            raise self.damaged(error) from error
        return tuple(names)

    def download(self) -> None:
        for file_id, md5, name in datasets.CelebA.file_list:
            wanted = name in (ARCHIVE, ATTRIBUTES, PARTITION)
            if wanted and not (self.folder / name).exists():
                download_file_from_google_drive(file_id, self.folder, name, md5)

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        with zipfile.ZipFile(self.folder / ARCHIVE) as archive:
            names = sorted(filter(is_picture, archive.namelist()))
            if not names:
                raise BadPicture(f"{ARCHIVE} holds no picture")
            faces = self.faces(archive, names)
        keys = [name.rpartition("/")[2] for name in names]
        chosen = self.split_of(keys, split)
        count = len(self.attributes)
        attributes = table(self.folder / ATTRIBUTES, keys, count, {-1, 0, 1}, skip=2)
        labels = torch.tensor([attributes[i] for i in chosen.tolist()]).view(-1, count)
        return Examples(faces[chosen], (labels + 1) // 2)

    def split_of(self, keys: list[str], split: Split) -> Tensor:
        """Which of the faces make up a split; the official validation faces are in neither."""
        part = torch.tensor(table(self.folder / PARTITION, keys, 1, {0, 1, 2})).flatten()
        if not (part == 2).any():
            return every_tenth(len(keys), split)
        return (part == (2 if split == "test" else 0)).nonzero().flatten()

    def faces(self, archive: zipfile.ZipFile, names: list[str]) -> Tensor:
        """All faces, cut and resized (n, 3, size, size): decoded once, then kept beside the zip."""
        path = self.folder / f"celeba-{CROP}-{self.size}.npy"
        shape = (len(names), 3, self.size, self.size)
        if (found := kept_before(path, shape, self.folder / ARCHIVE)) is None:
            try:
                with atomic_write(path) as beside:
                    kept = np.lib.format.open_memmap(beside, "w+", np.uint8, shape)
                    self.decode(archive, names, kept)
                    kept.flush()
            except PermissionError:  # a folder that others own
                faces = np.empty(shape, np.uint8)
                self.decode(archive, names, faces)
                return torch.from_numpy(faces)
            found = np.load(path, mmap_mode="c")
        return torch.from_numpy(found)

    def decode(self, archive: zipfile.ZipFile, names: list[str], faces: np.ndarray) -> None:
        """Fill `faces` (n, 3, size, size) in uint8, in order."""
        with ThreadPoolExecutor() as pool:
            for start in tqdm(
                range(0, len(names), 500), "decoding CelebA", leave=False, disable=None
            ):
                files = [archive.read(name) for name in names[start : start + 500]]
                some = names[start : start + 500]
                for i, face in enumerate(pool.map(self.cut, files, some), start):
                    faces[i] = face

    def cut(self, file: bytes, name: str) -> np.ndarray:
        try:
            return self.cut_out(file)
        except BadPicture as fault:
            raise BadPicture(f"{name} {fault}") from fault

    def cut_out(self, file: bytes) -> np.ndarray:
        """The centre square (3, size, size) of a picture's content; raises BadPicture."""
        with opened(io.BytesIO(file)) as face:
            side = face.width * CROP / 178
            left, top = (face.width - side) / 2, (face.height - side) / 2
            box = (left, top, left + side, top + side)
            square = face.convert("RGB").resize((self.size,) * 2, Image.Resampling.BILINEAR, box)
        return np.asarray(square).transpose(2, 0, 1)


def kept_before(path: Path, shape: tuple[int, ...], archive: Path) -> np.ndarray | None:
    """The faces that were kept beside the archive, None where they are damaged, of others or older
    than it."""
    try:
        found = np.lib.format.open_memmap(path, mode="c")
        is_new = path.stat().st_mtime >= archive.stat().st_mtime
    except DAMAGE:
        return None
    return found if is_new and found.shape == shape and found.dtype == np.uint8 else None


def table(
    path: Path, keys: list[str], columns: int, values: set[int], skip: int = 0
) -> list[list[int]]:
    """Rows of `name number number ...`, in the order of `keys`; raises BadPicture."""
    try:
        lines = (line.split() for line in path.read_text("utf-8").splitlines()[skip:])
        rows = {name: [int(number) for number in numbers] for name, *numbers in lines}
    except DAMAGE as error:
        raise BadPicture(f"{path.name} cannot be read: {error}") from error
    found = [rows.get(key, []) for key in keys]
    for key, row in zip(keys, found, strict=True):
        if len(row) != columns or not values.issuperset(row):
            numbers = ", ".join(map(str, sorted(values)))
            raise BadPicture(f"{path.name} must have {columns} of {numbers} for {key}, got {row}")
    return found
