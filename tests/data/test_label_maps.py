"""Label maps: numbers and colors, pairs that move alike, errors that name the file."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data import CamVid, LabelMapFolders, camvid
from zoo.decoding import BadPicture
from zoo.errors import BadRecipe, MissingData
from zoo.plotting.label_colors import from_colors, palette, read_labels, to_colors

MAP = np.arange(24, dtype=np.uint8).reshape(4, 6) % 5


def folder(root: Path, n: int = 10, largest: int = 3) -> Path:
    """Pairs in which the red of a photo is 50 times the label."""
    for name in ("labels", "images"):
        (root / name).mkdir(parents=True)
    for i in range(n):
        blocks = np.random.default_rng(i).integers(largest + 1, size=(4, 4), dtype=np.uint8)
        blocks[0, 0] = largest
        labels = blocks.repeat(4, 0).repeat(4, 1)
        Image.fromarray(labels).save(root / "labels" / f"{i}.png")
        photo = np.stack([50 * labels, 0 * labels, 0 * labels], 2)
        Image.fromarray(photo).save(root / "images" / f"{i}.png")
    return root


def test_colors_are_those_of_pascal_voc_and_are_inverted() -> None:
    first = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert palette()[:5].tolist() == first
    assert len({tuple(color) for color in palette().tolist()}) == 256
    maps = torch.arange(256, dtype=torch.uint8).view(2, 1, 8, 16)
    assert torch.equal(from_colors(to_colors(maps)), maps)


def test_numbers_palettes_and_colors_are_read_alike() -> None:
    colored = to_colors(torch.from_numpy(MAP)[None, None])[0].permute(1, 2, 0).numpy()
    other = Image.fromarray(MAP)
    other.putpalette([9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 3, 3])  # no colors of ours
    pictures = [
        Image.fromarray(MAP),
        other,
        Image.fromarray(colored),
        Image.fromarray(colored).convert("P", palette=Image.Palette.ADAPTIVE),
    ]
    for picture in pictures:
        assert (read_labels(picture, 5) == MAP).all()


@pytest.mark.parametrize(
    ("picture", "reason"),
    [(Image.fromarray(MAP), "4"), (Image.new("RGB", (2, 2), "#123456"), "#123456")],
)
def test_unknown_labels_are_named(picture: Image.Image, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        read_labels(picture, 4)


def test_folders_count_their_labels(tmp_path: Path) -> None:
    data = LabelMapFolders(str(folder(tmp_path)), size=16)
    assert data.labels == 4
    assert data.model_arguments() == {"size": 16, "labels": 4}
    assert data.modality.labels == 4
    assert data.count("train") == 9


def test_both_sides_move_alike(tmp_path: Path) -> None:
    """After crops and mirror images, the red of most pixels is still that of their label."""
    data = LabelMapFolders(str(folder(tmp_path)), size=16, jitter=True, mirror=True)
    values, images = data.examples("train")

    class Training:
        training, lightning_module = True, None

    data.trainer = Training()  # type: ignore[assignment]
    maps, y = data.on_after_batch_transfer((values, images), 0)
    assert maps.dtype == torch.int64
    assert maps.shape == values.shape
    assert not torch.equal(maps, values.long())
    red = ((y[:, :1] + 1) * 127.5 / 50 - maps).abs()
    assert red.median() < 0.5


def test_faults_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path)
    with pytest.raises(BadRecipe, match=r"\.png.*3"):
        LabelMapFolders(str(root), labels=3, size=16).examples("train")
    Image.new("L", (16, 15)).save(root / "labels" / "1.png")
    with pytest.raises(BadRecipe, match=r"1\.png.*16 x 15"):
        LabelMapFolders(str(root), size=16).examples("train")
    (root / "images" / "2.png").unlink()
    with pytest.raises(BadRecipe, match=r"2\.png"):
        LabelMapFolders(str(root), size=16).examples("train")
    with pytest.raises(BadRecipe, match="labels"):
        LabelMapFolders(str(root), labels=257)


def test_camvid_is_downloaded_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (8, 6), 11).save(tmp_path / "map.png")
    Image.new("RGB", (8, 6)).save(tmp_path / "photo.png")
    kept = {f"{split}{kind}" for split in ("train", "test") for kind in ("", "annot")}
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for name in (*kept, "val", "valannot"):
            file = "map.png" if name.endswith("annot") else "photo.png"
            archive.write(tmp_path / file, f"SegNet-main/CamVid/{name}/1.png")
    monkeypatch.setattr(camvid, "ADDRESS", (tmp_path / "archive.zip").as_uri())
    (tmp_path / "new").mkdir()
    data = CamVid(str(tmp_path / "new"), size=64)
    data.prepare_data()
    assert {path.name for path in data.folder.iterdir()} == kept
    assert data.examples("test").values.unique().tolist() == [11]
    assert len(data.classes) == data.labels == 12
    (data.folder / "trainannot" / "1.png").unlink()
    with pytest.raises(MissingData, match="trainannot"):
        data.examples("train")
