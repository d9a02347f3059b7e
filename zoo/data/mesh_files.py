"""Mesh files of strangers, in the formats OFF, OBJ and STL, and grids of voxels made from them."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from zoo.text import brief

ENDINGS = (".off", ".obj", ".stl")
LARGEST = 2**28  # bytes of a file
FACES = 5_000_000  # triangles of a mesh
POINTS = 2**21  # of the surface that are computed at once
EDGE = 1e-9  # by which a mesh is smaller than its voxels, so that it touches none beside them
FINE = 2  # points on an edge for each voxel that it crosses
STL = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("color", "<u2")])
HEADER = 84  # bytes before the triangles of a binary STL


class BadMesh(Exception):
    """A file holds no mesh; the text begins with a verb: "has no faces"."""


class Mesh(NamedTuple):
    """Vertices (v, 3) in float64 and triangles (f, 3) of their indices."""

    vertices: np.ndarray
    triangles: np.ndarray

    def upright(self) -> "Mesh":
        """The mesh whose y axis is upward, with z upward."""
        x, y, z = self.vertices.T
        return Mesh(np.stack([x, -z, y], 1), self.triangles)


def read_mesh(path: Path) -> Mesh:
    """The mesh in a file; raises BadMesh."""
    if path.stat().st_size > LARGEST:
        raise BadMesh(f"has more than {LARGEST:,} bytes")
    return parse(path.read_bytes(), path.suffix.lower())


def parse(content: bytes, ending: str) -> Mesh:
    """The mesh in the content of a file with an ending of ENDINGS; raises BadMesh."""
    readers = {".off": parse_off, ".obj": parse_obj, ".stl": parse_stl}
    try:
        mesh = readers[ending](content)
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise BadMesh(f"is damaged: {brief(str(error))}") from error
    if not len(mesh.triangles):
        raise BadMesh("has no faces")
    if not np.isfinite(mesh.vertices).all():
        raise BadMesh("has vertices that are not finite")
    if mesh.triangles.min() < 0 or mesh.triangles.max() >= len(mesh.vertices):
        raise BadMesh(f"has faces of vertices beyond its {len(mesh.vertices):,}")
    return mesh


def parse_off(content: bytes) -> Mesh:
    """A mesh in OFF. In some files of ModelNet the counts follow `OFF` without a space."""
    text = content.decode("ascii")
    if "#" in text:
        text = "\n".join(line.partition("#")[0] for line in text.splitlines())
    if not text.lstrip().startswith("OFF"):
        raise BadMesh("does not begin with OFF")
    numbers = np.array(text.lstrip()[3:].split(), dtype=np.float64)
    vertices, faces = int(numbers[0]), int(numbers[1])
    body = numbers[3:]
    if not 0 <= faces <= FACES or not 0 <= 3 * vertices <= len(body):
        raise BadMesh(f"states {vertices:,} vertices and {faces:,} faces, which it does not hold")
    indices = body[3 * vertices :]
    if len(indices) == 4 * faces and (indices[::4] == 3).all():  # triangles alone
        triangles = indices.reshape(faces, 4)[:, 1:].astype(np.int64)
    else:
        triangles = fans(polygons(indices, faces))
    return Mesh(body[: 3 * vertices].reshape(-1, 3), triangles)


def polygons(numbers: np.ndarray, faces: int) -> Iterator[list[int]]:
    """The polygons of a list of numbers: for each the count of its vertices, then their indices."""
    at = 0
    for _ in range(faces):
        count = int(numbers[at])
        if count < 0 or at + 1 + count > len(numbers):
            raise BadMesh("ends within its faces")
        yield numbers[at + 1 : at + 1 + count].astype(np.int64).tolist()
        at += 1 + count


def parse_obj(content: bytes) -> Mesh:
    """A mesh in OBJ; indices begin at 1, or count back from the last vertex."""
    vertices, faces = list[list[float]](), list[list[int]]()
    for line in content.decode("utf-8", errors="replace").splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            vertices.append([float(word) for word in words[1:4]])
        elif words[:1] == ["f"]:
            indices = [int(word.partition("/")[0]) for word in words[1:]]
            if 0 in indices:
                raise BadMesh("has a face of vertex 0")
            faces.append([i - 1 if i > 0 else len(vertices) + i for i in indices])
    return Mesh(np.array(vertices, dtype=np.float64).reshape(-1, 3), fans(faces))


def parse_stl(content: bytes) -> Mesh:
    """A mesh in STL, binary or ASCII."""
    count = int.from_bytes(content[HEADER - 4 : HEADER], "little")
    if len(content) == HEADER + count * STL.itemsize and count <= FACES:
        corners = np.frombuffer(content, STL, count, HEADER)["corners"]
        vertices = corners.reshape(-1, 3).astype(np.float64)
    else:
        lines = (line.split() for line in content.decode("ascii").splitlines())
        found = [[float(word) for word in words[1:4]] for words in lines if words[:1] == ["vertex"]]
        vertices = np.array(found, dtype=np.float64).reshape(-1, 3)
    return Mesh(vertices, np.arange(len(vertices) // 3 * 3).reshape(-1, 3))


def fans(faces: Iterable[list[int]]) -> np.ndarray:
    """The triangles (f, 3) of convex polygons, around the first vertex of each."""
    found = [[face[0], a, b] for face in faces for a, b in pairwise(face[1:])]
    if len(found) > FACES:
        raise BadMesh(f"has more than {FACES:,} triangles")
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def voxelize(mesh: Mesh, size: int, border: int = 1) -> Tensor:
    """The grid (size, size, size) along x, y and z of the voxels that a mesh touches or encloses.
    Its bounding box is centered, and its longest side leaves `border` voxels on both sides. Raises
    BadMesh for a mesh without extent."""
    from scipy.ndimage import binary_fill_holes

    used = mesh.vertices[np.unique(mesh.triangles)]
    low, high = used.min(0), used.max(0)
    extent = float((high - low).max())
    if not 0 < extent < math.inf:
        raise BadMesh("has no extent")
    scale = (size - 2 * border) / extent * (1 - EDGE)
    corners = ((mesh.vertices - (low + high) / 2) * scale + size / 2)[mesh.triangles]  # (f, 3, 3)
    filled = np.zeros((size, size, size), dtype=bool)
    for points in surface_points(corners):
        filled[tuple(points.astype(np.int64).T)] = True
    return torch.from_numpy(binary_fill_holes(filled))


def surface_points(corners: np.ndarray) -> Iterator[np.ndarray]:
    """Points (n, 3) on triangles (f, 3, 3), less than half a unit apart, some triangles at a
    time."""
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    steps = 2 ** np.ceil(np.log2(np.maximum(edges * FINE, 1))).astype(np.int64)
    for k in np.unique(steps).tolist():
        a, b = np.meshgrid(np.arange(k + 1), np.arange(k + 1))
        kept = a + b <= k
        weights = np.stack([a[kept], b[kept], k - a[kept] - b[kept]], 1) / k  # (points, 3)
        chosen = corners[steps == k]
        at_once = max(1, POINTS // len(weights))
        for start in range(0, len(chosen), at_once):
            yield np.einsum("pc,fcd->fpd", weights, chosen[start : start + at_once]).reshape(-1, 3)
