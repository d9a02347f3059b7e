"""Photographs of scenes, cut into overlapping squares."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import BSDS, bsds
from zoo.errors import MissingData


def photograph(path: Path, width: int = 40, height: int = 24) -> None:
    """A photograph whose red is the row and whose green is the column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    Image.fromarray(np.stack([rows, columns, 0 * rows], 2)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    photograph(tmp_path / "bsds" / "train" / "1.png")
    photograph(tmp_path / "bsds" / "test" / "2.png", 16, 16)
    return tmp_path


def test_squares_overlap_by_half(root: Path) -> None:
    data = BSDS(str(root), size=16, batch_size=1)
    corners = data.examples("train").values[:, :2, 0, 0].tolist()
    assert corners == [[y, x] for y in (0, 8) for x in (0, 8, 16, 24)]
    assert data.examples("test").values.shape == (1, 3, 16, 16)


def test_the_first_test_images_are_central_crops_of_all_photographs(root: Path) -> None:
    photograph(root / "bsds" / "test" / "1.png")
    photograph(root / "bsds" / "test" / "2.png")
    corners = BSDS(str(root), size=16).examples("test").values[:2, :2, 0, 0]
    assert corners.tolist() == [[8, 0], [8, 0]]  # fifth of eight


def test_a_small_photograph_is_named(root: Path) -> None:
    with pytest.raises(MissingData, match=r"2\.png .* 16 x 16"):
        BSDS(str(root), size=24).examples("test")


def test_an_unreadable_photograph_is_named(root: Path) -> None:
    (root / "bsds" / "train" / "3.jpg").write_bytes(b"no picture")
    with pytest.raises(MissingData, match=r"3\.jpg"):
        BSDS(str(root), size=16).examples("train")


def test_the_archive_is_unpacked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation photographs become the test split; other files and paths are left."""
    photograph(root / "photo.jpg")
    prefix = "BSDS500-main/BSDS500/data"
    members = {
        f"{prefix}/images/train/1.jpg": "train/1.jpg",
        f"{prefix}/images/val/2.jpg": "test/2.jpg",
        f"{prefix}/images/test/3.jpg": None,
        f"{prefix}/groundTruth/train/1.mat": None,
        "../../val/4.jpg": "test/4.jpg",
    }
    with zipfile.ZipFile(root / "archive.zip", "w") as archive:
        for name in members:
            archive.write(root / "photo.jpg", name)
    monkeypatch.setattr(bsds, "ADDRESS", (root / "archive.zip").as_uri())
    (root / "new" / "bsds.part" / "left").mkdir(parents=True)
    BSDS(str(root / "new")).prepare_data()
    found = {p.relative_to(root / "new" / "bsds").as_posix() for p in root.glob("new/bsds/*/*")}
    assert found == {place for place in members.values() if place}
