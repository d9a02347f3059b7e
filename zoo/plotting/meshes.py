"""Meshes of shapes of voxels as Wavefront .obj files."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

from zoo.files import atomic_write
from zoo.plotting.shapes import SURFACE

GAP = 0.25  # of the size, between two shapes
SIDES = (  # the corners of the face of a voxel toward +x, then toward +y and +z by rotation
    (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1),
)  # fmt: skip


def save_obj(shapes: Tensor, columns: int, path: Path) -> None:
    """Write the surfaces of shapes (n, 1, size, size, size) of occupancies in [0, 1], `columns` in
    a row, as quadrilaterals; z is upward, as in the tensors."""
    lines, total = ["# z is upward"], 0
    for i, shape in enumerate(shapes[:, 0].cpu() > SURFACE):
        corners = surface(shape)
        step = shape.shape[0] * (1 + GAP)
        corners = corners + torch.tensor([i % columns, i // columns, 0]) * step
        lines.append(f"o shape-{i}")
        lines += ["v {:g} {:g} {:g}".format(*corner) for corner in corners.flatten(0, 1).tolist()]
        first = total + torch.arange(len(corners)) * 4
        lines += [f"f {k + 1} {k + 2} {k + 3} {k + 4}" for k in first.tolist()]
        total += 4 * len(corners)
    with atomic_write(path) as beside:
        beside.write_text("\n".join(lines) + "\n", encoding="ascii")


def surface(filled: Tensor) -> Tensor:
    """The corners (faces, 4, 3) of the faces between filled and empty voxels of a shape, seen from
    outside counterclockwise."""
    inside = pad(filled, [1] * 6)
    faces = []
    for axis in range(3):
        corners = torch.tensor(SIDES).roll(axis, 1)
        for toward in (1, -1):
            bare = inside & ~inside.roll(-toward, axis)
            voxels = bare[1:-1, 1:-1, 1:-1].nonzero()
            side = corners.clone()
            if toward < 0:
                side[:, axis] = 0
                side = side.flip(0)
            faces.append(voxels[:, None] + side)
    return torch.cat(faces).float()
