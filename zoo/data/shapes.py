"""Data modules of shapes as grids of voxels: ModelNet10."""

import io
import re
from typing import ClassVar
from zipfile import ZipFile

import numpy as np
import torch
from tqdm import tqdm

from zoo.core.arguments import Count
from zoo.core.modality import Voxels
from zoo.data.arrays import DatasetInfo, Examples, Split
from zoo.data.downloads import fetch
from zoo.data.mesh_files import parse, voxelize
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe, MissingData
from zoo.files import atomic_write

ARCHIVE = "http://3dvision.princeton.edu/projects/2014/3DShapeNets/ModelNet10.zip"
MESH = re.compile(r"ModelNet10/\w+/(train|test)/\w+\.off", re.ASCII)  # a path in it
LARGEST = 2**29  # bytes of the archive
LARGEST_MESH = 2**26  # bytes of a file in it
SIZE, BORDER = 32, 1  # voxels a side, of which one on each side stays empty


class ShapeDataModule(ZooDataModule):
    """Batches of shapes (n, 1, size, size, size) of occupancies 0 and 1, along x, y and z, upward,
    with labels, (n, 0) by default. `labels` adds the labels to the batches."""

    own_files = "zoo.data.MeshFolder"
    extractor = "voxnet-modelnet10"

    def __init__(self, root: str | None, batch_size: Count, labels: bool) -> None:
        super().__init__(root, batch_size)
        self.labels = labels

    def batch_examples(self, split: Split) -> Examples:
        values, labels = self.examples(split)
        return Examples(values, labels if self.labels else torch.empty(len(labels), 0))


class ModelNet10(ShapeDataModule):
    """ModelNet10: 3,991 training and 908 test shapes of ten kinds of furniture, in the official
    split, as grids of 32 voxels. Wu et al., 2015, https://arxiv.org/abs/1406.5670

    `categories` keeps some kinds, by name. Grids are read from `root/modelnet10_32.npz`, whose rows
    (n, 4096) hold voxels as bits; a download writes it from the meshes. Empty grids are left out.
    Raises BadRecipe for an unknown category.
    """

    source = DatasetInfo(
        "ModelNet10",
        "https://modelnet.cs.princeton.edu",
        "academic research; the models belong to their authors",
        "CC-BY-NC-4.0",
    )
    classes = (
        "bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table",
        "toilet",
    )  # fmt: skip
    recorded = ("batch_size", "labels", "categories")
    file: ClassVar = "modelnet10_32.npz"

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 64,
        labels: bool = False,
        categories: tuple[str, ...] = (),
    ) -> None:
        super().__init__(root, batch_size, labels)
        if unknown := sorted(set(categories) - set(self.classes)):
            raise BadRecipe(
                f"categories must be of {', '.join(self.classes)}, got {unknown[0]}. None keeps all"
            )
        self.categories = tuple(categories)

    @property
    def modality(self) -> Voxels:
        return Voxels(SIZE)

    def download(self) -> None:
        """Convert the official meshes: a few minutes."""
        if (self.root / self.file).is_file():
            return
        rows: dict[str, list[np.ndarray]] = {}
        with ZipFile(io.BytesIO(fetch(ARCHIVE, LARGEST))) as archive:
            entries = [e for e in archive.infolist() if MESH.fullmatch(e.filename)]
            for entry in tqdm(entries, "voxels", leave=False, disable=None):
                _, category, split, _ = entry.filename.split("/")
                if category not in self.classes or entry.file_size > LARGEST_MESH:
                    continue
                filled = voxelize(parse(archive.read(entry), ".off"), SIZE, BORDER)
                rows.setdefault(f"{split}_voxels", []).append(np.packbits(filled.numpy()))
                label = np.array(self.classes.index(category), dtype=np.uint8)
                rows.setdefault(f"{split}_labels", []).append(label)
        arrays = {name: np.stack(found) for name, found in rows.items()}
        with atomic_write(self.root / self.file) as beside, beside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        path = self.root / self.file
        if not path.is_file():
            raise MissingData(f"there is no file {path.absolute()}. Connect to the internet once")
        with np.load(path, allow_pickle=False) as archive:
            bits, labels = archive[f"{split}_voxels"], archive[f"{split}_labels"]
        if bits.dtype != np.uint8 or bits.shape != (len(labels), SIZE**3 // 8):
            raise ValueError(f"rows must be (n, 4096) in uint8, got {bits.shape}, {bits.dtype}")
        voxels = torch.from_numpy(np.unpackbits(bits, axis=1)).view(-1, 1, SIZE, SIZE, SIZE)
        classes = torch.from_numpy(labels.astype(np.int64))
        kept = voxels.flatten(1).bool().any(1)
        if self.categories:
            wanted = torch.tensor([self.classes.index(name) for name in self.categories])
            kept &= torch.isin(classes, wanted)
        return Examples(voxels[kept], classes[kept])
