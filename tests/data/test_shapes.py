"""Shapes: meshes become voxels, voxels become meshes and views."""

import io
import math
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from zoo.core.modality import Voxels
from zoo.data import MeshFolder, ModelNet10, shapes
from zoo.data.mesh_files import BadMesh, Mesh, parse, voxelize
from zoo.errors import BadInput, BadRecipe, MissingData
from zoo.plotting.meshes import save_obj, surface
from zoo.plotting.shapes import shaded_views

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]


def off(vertices: np.ndarray = CUBE, head: str = "OFF\n") -> bytes:
    lines = [" ".join(map(str, v)) for v in vertices.tolist()]
    faces = [f"4 {' '.join(map(str, quad))}" for quad in QUADS]
    return "\n".join([f"{head}{len(lines)} {len(faces)} 0", *lines, *faces]).encode()


def obj() -> bytes:
    lines = ["v {} {} {}".format(*v) for v in CUBE.tolist()]
    lines += ["f " + " ".join(f"{i - 8}/1" for i in quad) for quad in QUADS[:3]]
    lines += ["f " + " ".join(str(i + 1) for i in quad) for quad in QUADS[3:]]
    return "\n".join(["# a cube", *lines]).encode()


def stl(binary: bool) -> bytes:
    corners = CUBE[parse(off(), ".off").triangles]
    if binary:
        rows = [np.zeros(3), *corners.transpose(1, 0, 2)]
        found = np.concatenate([np.zeros((12, 3)), corners.reshape(12, 9)], 1).astype("<f4")
        body = b"".join(row.tobytes() + b"\0\0" for row in found)
        assert len(rows) == 4
        return b"\0" * 80 + (12).to_bytes(4, "little") + body
    lines = ["vertex {} {} {}".format(*p) for p in corners.reshape(-1, 3).tolist()]
    return "\n".join(["solid cube", *lines, "endsolid"]).encode()


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (off(), ".off"), (off(head="OFF"), ".off"), (off(head="# by hand\nOFF\n"), ".off"),
        (obj(), ".obj"), (stl(True), ".stl"), (stl(False), ".stl"),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_cube(content: bytes, ending: str) -> None:
    mesh = parse(content, ending)
    assert mesh.triangles.shape == (12, 3)
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.linalg.norm(normals, axis=1).sum() / 2 == pytest.approx(6)  # its surface
    filled = voxelize(mesh, 8)
    assert filled.sum() == 6**3  # a solid cube with a border of one
    assert filled[1:7, 1:7, 1:7].all()


def test_a_tall_mesh_stands_upright() -> None:
    tall = parse(off(CUBE * [1, 3, 1]), ".off")
    assert voxelize(tall, 11, 1).any(2).any(0).nonzero().flatten().tolist() == list(range(1, 10))
    upright = voxelize(tall.upright(), 11, 1)
    assert upright.any(0).any(0).nonzero().flatten().tolist() == list(range(1, 10))
    assert upright.any(1).any(1).sum() == 3


def test_a_sphere_has_its_volume() -> None:
    """A surface of small triangles, filled: 4/3 pi r^3 with r = 15 voxels, and half of the voxels
    that it touches."""
    around, down = np.meshgrid(np.linspace(0, 2 * np.pi, 60), np.linspace(0, np.pi, 30))
    points = [np.cos(around) * np.sin(down), np.sin(around) * np.sin(down), np.cos(down)]
    vertices = np.stack(points, 2).reshape(-1, 3)
    index = np.arange(1800).reshape(30, 60)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack(t, 2).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    volume = float(voxelize(Mesh(vertices, triangles), 32).sum())
    assert 4 / 3 * math.pi * 15**3 < volume < 4 / 3 * math.pi * 16**3


@pytest.mark.parametrize(
    ("content", "ending", "word"),
    [
        (b"", ".off", "OFF"),
        (b"OFF\n3 9999999999 0\n0 0 0\n", ".off", "9,999,999,999"),
        (b"OFF\n3 1 0\n0 0 0 1 0 0 0 1 0\n3 0 1 5", ".off", "beyond"),
        (b"OFF\n3 1 0\n0 0 0 1 0 0 0 1 0\n9 0 1", ".off", "ends"),
        (b"OFF\n3 1 0\n0 0 nan 1 0 0 0 1 0\n3 0 1 2", ".off", "finite"),
        (b"OFF\n3 1 0\n0 0 x", ".off", "damaged"),
        (b"v 0 0 0\n", ".obj", "faces"),
        (b"v 0 0 0\nf 0 1 2\n", ".obj", "vertex 0"),
        (b"solid\n", ".stl", "faces"),
        (b"\xff" * 200, ".stl", "damaged"),
    ],
)
def test_damaged_meshes_have_a_reason(content: bytes, ending: str, word: str) -> None:
    with pytest.raises(BadMesh, match=word):
        parse(content, ending)


def test_a_mesh_has_an_extent() -> None:
    with pytest.raises(BadMesh, match="extent"):
        voxelize(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), 8)


def test_a_folder_of_meshes_is_read(tmp_path: Path) -> None:
    for i in range(11):
        folder = tmp_path / ("low" if i % 2 else "tall")
        folder.mkdir(exist_ok=True)
        (folder / f"{i:02}.off").write_bytes(off(CUBE * [1, 1, 1 + i]))
    data = MeshFolder(str(tmp_path), size=12, batch_size=4)
    train, test = data.examples("train"), data.examples("test")
    assert train.values.shape == (9, 1, 12, 12, 12)
    assert len(test.values) == 2
    assert set(train.labels.tolist()) == {0, 1}
    (tmp_path / "low" / "bad.off").write_bytes(b"OFF\n1")
    with pytest.raises(BadRecipe, match=r"low.bad\.off"):
        MeshFolder(str(tmp_path)).examples("train")
    with pytest.raises(BadRecipe, match="size"):
        MeshFolder(size=5)
    with pytest.raises(BadRecipe, match="--data"):
        MeshFolder().examples("train")
    (tmp_path / "none").mkdir()
    with pytest.raises(MissingData, match=r"\.off"):
        MeshFolder(str(tmp_path / "none")).examples("train")


def test_the_official_archive_becomes_grids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        for category, split, n in (("chair", "train", 3), ("bed", "train", 2), ("bed", "test", 1)):
            for i in range(n):
                archive.writestr(f"ModelNet10/{category}/{split}/{category}_{i}.off", off())
        archive.writestr("ModelNet10/chair/train/.DS_Store", b"junk")
        archive.writestr("__MACOSX/ModelNet10/chair/train/._chair_0.off", b"junk")
    monkeypatch.setattr(shapes, "fetch", lambda address, largest: content.getvalue())
    data = ModelNet10(str(tmp_path), labels=True)
    assert sorted(data.examples("train").labels.tolist()) == [1, 1, 2, 2, 2]
    assert data.examples("test").values.sum() == 30**3
    chairs = ModelNet10(str(tmp_path), categories=("chair",)).examples("train")
    assert len(chairs.values) == 3
    with pytest.raises(BadRecipe, match="lamp"):
        ModelNet10(categories=("lamp",))


def test_the_surface_of_a_box() -> None:
    filled = torch.zeros(6, 6, 6, dtype=torch.bool)
    filled[1:3, 1:4, 1:5] = True  # 2 x 3 x 4
    corners = surface(filled)
    assert len(corners) == 2 * (6 + 8 + 12)
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1])
    outward = corners.mean(1) - torch.tensor([2.0, 2.5, 3.0])
    assert (normals * outward > -1e-6).all()
    assert torch.equal(normals.abs().sum(1), torch.ones(52))


def test_shapes_are_written_as_views_and_meshes(tmp_path: Path) -> None:
    modality = Voxels(8)
    values = modality.toy(3)[0]
    samples = modality.normalize(values)
    assert torch.equal(modality.store(samples), values)
    modality.render(samples, tmp_path / "a.png")
    modality.render(samples, tmp_path / "a.obj", columns=2)
    assert "of 255" in modality.compare(tmp_path / "a.png", tmp_path / "a.png")
    mesh = parse((tmp_path / "a.obj").read_bytes(), ".obj")
    faces = sum(len(surface(shape[0] > 0)) for shape in values)
    assert len(mesh.triangles) == 2 * faces
    assert mesh.vertices[:, 1].max() > 8  # the third stands behind the first
    save_obj(torch.zeros(1, 1, 4, 4, 4), 8, tmp_path / "none.obj")


def test_a_view_shows_the_shape_from_above_and_the_side() -> None:
    """A tall column is higher in the picture than a low one; light falls on the top."""
    low, tall = torch.zeros(2, 1, 16, 16, 16).unbind()
    low[:, 6:10, 6:10, :4], tall[:, 6:10, 6:10, :14] = 1, 1
    views = shaded_views(torch.stack([low, tall]))
    assert views.shape == (2, 1, 96, 96)
    rows = [(view[0] < 1).any(1).nonzero().flatten() for view in views]
    assert rows[1][0] < rows[0][0]
    top, side = views[1, 0, rows[1][0] + 4, 48], views[1, 0, 60, 54]
    assert top > side
    assert (shaded_views(torch.zeros(1, 1, 8, 8, 8)) == 1).all()
    assert shaded_views(torch.zeros(0, 1, 8, 8, 8)).shape[0] == 0


@pytest.mark.parametrize(
    "x",
    [torch.zeros(2, 8, 8, 8), torch.zeros(1, 1, 8, 8, 8).long(), torch.full((1, 1, 8, 8, 8), 2.0)],
)
def test_shapes_are_checked(x: torch.Tensor) -> None:
    with pytest.raises(BadInput, match="shapes"):
        Voxels(8).check(x)


def test_other_sizes_do_not_fit() -> None:
    found = Voxels(8).mismatch(Voxels(16))
    assert found is not None
    assert "size" in found.reason
    assert Voxels(8).mismatch(Voxels(8)) is None


def test_a_smoke_test_records_the_folder_of_the_user(tmp_path: Path) -> None:
    """Nothing is written there; what is recorded is not the folder of the smoke test."""
    (tmp_path / "mine").mkdir()
    for i in range(4):
        (tmp_path / "mine" / f"{i}.off").write_bytes(off())
    data = MeshFolder(str(tmp_path / "mine"), size=8)
    assert (tmp_path / "mine") not in data.statistics.absolute().parents
    data.limit_to(2, str(tmp_path / "smoke"))
    assert data.arguments()["root"] == str(tmp_path / "mine")
    assert data.statistics == tmp_path / "smoke" / "statistics"
