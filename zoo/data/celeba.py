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
from zoo.text import brief

CROP = 148  # side of the center square, in pixels of an image 178 wide
ARCHIVE = "img_align_celeba.zip"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
ATTRIBUTE_NAME = re.compile(r"[\w-]+")


class CelebA(ImageDataModule):
    """Images (n, 3, size, size) with labels (n, 40): 1 where a face has the attribute, else 0.

    The crop `celeba-148` is the center square with a side of 148/178 of the width, resized to
    `size` with antialiasing. The official zip is read without unpacking; the cropped images are
    cached beside it. The splits are the official partition. Every tenth face is held out where the
    archive has none of the official test partition.
    """

    source = DatasetInfo(
        "CelebA",
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "non-commercial research only, by MMLAB, The Chinese University of Hong Kong",
        "CC-BY-NC-4.0",
        "`pip install generative-zoo[celeba]` and connect to the internet once",
    )
    default_size = 64
    extractor = "squeezenet"
    further_extractors = ("resnet-celeba",)
    reference = "train"

    @property
    def folder(self) -> Path:
        """The folder of the archive, its tables and the cached images."""
        return self.root / "celeba"

    @property
    def attributes(self) -> tuple[str, ...]:
        self.prepare_data()
        try:
            with (self.folder / ATTRIBUTES).open(encoding="utf-8", errors="replace") as lines:
                names = " ".join(islice(lines, 1, 2)).split()
            if not names or not all(map(ATTRIBUTE_NAME.fullmatch, names)):
                raise BadPicture(
                    f"line 2 of {ATTRIBUTES} must be names of attributes, got {brief(names)}"
                )
        except DAMAGE as error:
            raise self.damaged(error) from error
        return tuple(names)

    def toy(self, n: int) -> Examples:
        values, labels = super().toy(n)
        return Examples(values, (labels[:, None] + torch.arange(40)) % 2)

    def download(self) -> None:
        for file_id, md5, name in datasets.CelebA.file_list:
            is_required = name in (ARCHIVE, ATTRIBUTES, PARTITION)
            if is_required and not (self.folder / name).exists():
                download_file_from_google_drive(file_id, self.folder, name, md5)

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        with zipfile.ZipFile(self.folder / ARCHIVE) as archive:
            names = sorted(filter(is_picture, archive.namelist()))
            if not names:
                raise BadPicture(f"{ARCHIVE} must contain images, got none")
            faces = self.load_faces(archive, names)
        keys = [name.rpartition("/")[2] for name in names]
        indices = self.split_indices(keys, split)
        count = len(self.attributes)
        attributes = read_table(self.folder / ATTRIBUTES, keys, count, {-1, 0, 1}, skip=2)
        labels = torch.tensor([attributes[i] for i in indices.tolist()]).view(-1, count)
        return Examples(faces[indices], (labels + 1) // 2)  # -1 and 1 to 0 and 1

    def split_indices(self, keys: list[str], split: Split) -> Tensor:
        """Indices (n,) of the faces of a split; official validation faces are in neither."""
        # 0 is the training, 1 the validation and 2 the test partition
        part = torch.tensor(read_table(self.folder / PARTITION, keys, 1, {0, 1, 2})).flatten()
        if not (part == 2).any():
            return every_tenth(len(keys), split)
        return (part == (2 if split == "test" else 0)).nonzero().flatten()

    def load_faces(self, archive: zipfile.ZipFile, names: list[str]) -> Tensor:
        """All cropped faces (n, 3, size, size) in uint8, decoded once and cached beside the zip."""
        path = self.folder / f"celeba-{CROP}-{self.size}.npy"
        shape = (len(names), 3, self.size, self.size)
        if (cached := load_cache(path, shape, self.folder / ARCHIVE)) is None:
            try:
                with atomic_write(path) as temporary:
                    array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
                    self.decode(archive, names, array)
                    array.flush()
            except PermissionError:  # a folder without write access: decode into memory
                faces = np.empty(shape, np.uint8)
                self.decode(archive, names, faces)
                return torch.from_numpy(faces)
            cached = np.load(path, mmap_mode="c")
        return torch.from_numpy(cached)

    def decode(self, archive: zipfile.ZipFile, names: list[str], faces: np.ndarray) -> None:
        """Decode `names` into `faces` (n, 3, size, size) in uint8, 500 files at a time."""
        with ThreadPoolExecutor() as pool:
            for start in tqdm(
                range(0, len(names), 500), "decoding CelebA", leave=False, disable=None
            ):
                chunk = names[start : start + 500]
                files = [archive.read(name) for name in chunk]
                for i, face in enumerate(pool.map(self.crop_named, files, chunk), start):
                    faces[i] = face

    def crop_named(self, content: bytes, name: str) -> np.ndarray:
        """`crop`, with the name of the file in the error."""
        try:
            return self.crop(content)
        except BadPicture as fault:
            raise BadPicture(f"{name} {fault}") from fault

    def crop(self, content: bytes) -> np.ndarray:
        """The center square (3, size, size) of an encoded image; raises BadPicture."""
        with opened(io.BytesIO(content)) as face:
            side = face.width * CROP / 178
            left, top = (face.width - side) / 2, (face.height - side) / 2
            box = (left, top, left + side, top + side)
            square = face.convert("RGB").resize((self.size,) * 2, Image.Resampling.BILINEAR, box)
        return np.asarray(square).transpose(2, 0, 1)


def load_cache(path: Path, shape: tuple[int, ...], archive: Path) -> np.ndarray | None:
    """The cached faces; None where they are damaged, of another shape or older than the archive."""
    try:
        faces = np.lib.format.open_memmap(path, mode="c")
        is_new = path.stat().st_mtime >= archive.stat().st_mtime
    except DAMAGE:
        return None
    return faces if is_new and faces.shape == shape and faces.dtype == np.uint8 else None


def read_table(
    path: Path, keys: list[str], columns: int, values: set[int], skip: int = 0
) -> list[list[int]]:
    """The numbers of the lines `name number number ...`, in the order of the names `keys`; raises
    BadPicture unless each has `columns` numbers out of `values`."""
    try:
        lines = (line.split() for line in path.read_text("utf-8").splitlines()[skip:])
        by_name = {name: [int(number) for number in numbers] for name, *numbers in lines}
    except DAMAGE as error:
        raise BadPicture(f"{path.name} cannot be read: {error}") from error
    rows = [by_name.get(key, []) for key in keys]
    for key, row in zip(keys, rows, strict=True):
        if len(row) != columns or not values.issuperset(row):
            allowed = ", ".join(map(str, sorted(values)))
            raise BadPicture(
                f"the row of {key} in {path.name} must be {columns} numbers out of {allowed}, got "
                f"{brief(row)}"
            )
    return rows
