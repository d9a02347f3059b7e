"""Meshes of one's own as grids of voxels."""

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from zoo.core.arguments import Count
from zoo.core.modality import Voxels
from zoo.data.arrays import DatasetInfo, Examples, Split, every_tenth
from zoo.data.inventory import join_faults
from zoo.data.listing import list_files
from zoo.data.memory import check_memory
from zoo.data.mesh_files import ENDINGS, BadMesh, read_mesh, voxelize
from zoo.data.shapes import BORDER, SIZE, ShapeDataModule
from zoo.errors import BadRecipe, MissingData


class MeshFolder(ShapeDataModule):
    """All .off, .obj and .stl meshes below `root` as grids of `size` voxels: the longest side of a
    mesh fills the grid, whose interior is filled where the surface is closed.

    `up` is the axis that is upward in the files, `z` or `y`. A label is the index of the file's
    folder in alphabetical order; every tenth file is in the test split. Raises BadRecipe without a
    root and for unreadable files, MissingData where there are no files.
    """

    source = DatasetInfo("your own meshes", "not published", "unknown", "unknown")
    own_paths = ("root",)
    extractor = "occupancy"
    reference = "train"
    recorded = ("batch_size", "labels", "size", "up")

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 64,
        labels: bool = False,
        size: Count = SIZE,
        up: str = "z",
    ) -> None:
        super().__init__(root, batch_size, labels)
        if not 8 <= size <= 128 or up not in ("y", "z"):
            raise BadRecipe(
                f"size must be from 8 to 128 and up y or z, got {size} and {up}. The defaults are "
                f"{SIZE} and z"
            )
        self.size, self.up = size, up
        if root:
            self.source = self.source.named(self.root.resolve(), "meshes")

    @property
    def modality(self) -> Voxels:
        return Voxels(self.size)

    def model_arguments(self) -> dict[str, object]:
        return {"size": self.size}

    @cached_property
    def files(self) -> list[Path]:
        """The meshes, in the order of their paths."""
        if not self.given_root:
            raise BadRecipe(
                "root must be a folder of meshes, got none. Name it by `zoo fit NAME --data FOLDER`"
            )
        found = list_files(self.root, ENDINGS).files
        if not found:
            raise MissingData(
                f"there are no {', '.join(ENDINGS)} files below {self.root.absolute()}. Convert "
                "other formats"
            )
        return found

    @cached_property
    def grids(self) -> Tensor:
        """All meshes (n, 1, size, size, size) in uint8; raises BadRecipe for an unreadable file,
        and where they need more than the free memory."""
        what = f"{len(self.files):,} grids of {self.size} voxels a side"
        check_memory(what, 3 * len(self.files) * self.size**3, "Reduce size")
        found, faults = list[Tensor](), dict[str, str]()
        for path in tqdm(self.files, "voxels", leave=False, disable=None, delay=2):
            try:
                mesh = read_mesh(path)
                mesh = mesh.upright() if self.up == "y" else mesh
                found.append(voxelize(mesh, self.size, BORDER))
            except BadMesh as fault:
                faults[str(path.relative_to(self.root))] = str(fault)
        if faults:
            raise BadRecipe(
                f"meshes below {self.root.absolute()} must be readable, got {len(faults)} "
                f"unreadable of {len(self.files)}: {join_faults(faults)}. Repair or remove them"
            )
        return torch.stack(found)[:, None].to(torch.uint8)

    def read(self, split: Split) -> Examples:
        folders = {path: i for i, path in enumerate(sorted({p.parent for p in self.files}))}
        labels = torch.tensor([folders[path.parent] for path in self.files])
        indices = every_tenth(len(labels), split)
        return Examples(self.grids[indices], labels[indices])
