"""Pairs of images: halves and folders, equal augmentation, one clear error for each fault."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from zoo.data import Edges2Photos, Maps, PairedFolders, SideBySide
from zoo.data.pairs import ImagePairDataModule, random_crop
from zoo.errors import BadRecipe, MissingData


def side_by_side(path: Path, size: int = 16, seed: int = 0) -> Path:
    """A black square beside a white one, with a corner of their own color."""
    pixels = np.zeros((size, 2 * size, 3), np.uint8)
    pixels[:, size:] = 255
    pixels[0, 0], pixels[0, size] = seed, 255 - seed
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def square(path: Path, size: tuple[int, int] = (16, 16), color: str = "white") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    for i in range(20):
        side_by_side(tmp_path / f"{i:02}.png", seed=i)
    return tmp_path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for i in range(10):
        square(tmp_path / "inputs" / f"{i}.png", color="black")
        square(tmp_path / "targets" / f"{i}.jpg")
    return tmp_path


def test_halves_are_input_and_target(halves: Path) -> None:
    data = SideBySide(str(halves), size=16)
    x, y = data.examples("train")
    assert x.shape == y.shape == (18, 3, 16, 16)
    assert x.float().mean() < 1
    assert y.float().mean() > 254
    assert data.examples("test").values[:, 0, 0, 0].tolist() == [0, 10]  # every tenth file


def test_reverse_exchanges_the_sides(halves: Path) -> None:
    forth, back = (SideBySide(str(halves), 16, reverse=r).examples("test") for r in (False, True))
    assert torch.equal(forth.values, back.labels)
    assert torch.equal(forth.labels, back.values)


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_folders_are_the_splits(tmp_path: Path, held_out: str) -> None:
    for name, n in (("train", 3), (held_out, 2)):
        for i in range(n):
            side_by_side(tmp_path / name / f"{i}.png")
    data = SideBySide(str(tmp_path), 16)
    assert (data.count("train"), data.count("test")) == (3, 2)


def test_two_folders_pair_files_by_name(folders: Path) -> None:
    data = PairedFolders(str(folders), size=8)
    x, y = data.examples("train")
    assert x.shape == y.shape == (9, 3, 8, 8)
    assert int(x.max()) == 0
    assert int(y.min()) == 255
    assert data.inputs(1).shape == (1, 3, 8, 8)


def test_data_sets_have_their_directions(tmp_path: Path) -> None:
    for name in ("edges2photos", "maps"):
        for split in ("train", "val"):
            side_by_side(tmp_path / name / split / "1.jpg")
    assert Edges2Photos(str(tmp_path), 16).examples("test").values.float().mean() > 250
    assert Maps(str(tmp_path), 16).examples("test").values.float().mean() < 5
    assert Maps(str(tmp_path), 16, reverse=True).examples("test").values.float().mean() > 250


def test_a_file_without_halves_is_named(halves: Path) -> None:
    square(halves / "05b.png")
    with pytest.raises(BadRecipe, match=r"05b\.png .* 16 x 16"):
        SideBySide(str(halves), 16).examples("train")


def test_an_unreadable_file_is_named(halves: Path) -> None:
    (halves / "05.jpg").write_bytes(b"no picture")
    with pytest.raises(BadRecipe, match=r"05\.jpg"):
        SideBySide(str(halves), 16).examples("train")


@pytest.mark.parametrize("side", ["inputs", "targets"])
def test_a_file_without_partner_is_named(folders: Path, side: str) -> None:
    square(folders / side / "alone.png")
    with pytest.raises(BadRecipe, match=rf"{side}.alone\.png"):
        PairedFolders(str(folders), size=8).examples("train")


def test_partners_have_equal_sizes(folders: Path) -> None:
    square(folders / "inputs" / "1.png", (16, 20))
    with pytest.raises(BadRecipe, match=r"1\.png .*1\.jpg.* 16 x 16 .* 16 x 20"):
        PairedFolders(str(folders), size=8).examples("train")


def test_a_name_stands_for_one_file(folders: Path) -> None:
    square(folders / "inputs" / "1.bmp")
    with pytest.raises(BadRecipe, match=r"1\.png .*1\.bmp|1\.bmp .*1\.png"):
        PairedFolders(str(folders), size=8).examples("train")


def test_missing_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="inputs"):
        PairedFolders(str(tmp_path)).examples("train")
    with pytest.raises(BadRecipe, match="root"):
        SideBySide().examples("train")
    with pytest.raises(MissingData, match="edges2photos"):
        Edges2Photos(str(tmp_path)).examples("train")


def test_faults_of_the_test_split_stop_a_training(halves: Path) -> None:
    square(halves / "20.png")  # the third tenth
    with pytest.raises(BadRecipe, match=r"20\.png"):
        SideBySide(str(halves), 16).setup("fit")


def test_pairs_larger_than_the_memory_are_not_decoded(halves: Path) -> None:
    with pytest.raises(BadRecipe, match="size"):
        SideBySide(str(halves), 10**6).examples("train")


class Training:
    """What `on_after_batch_transfer` needs of a Trainer."""

    training, lightning_module = True, None


def augmented(data: ImagePairDataModule, values: Tensor) -> tuple[Tensor, Tensor]:
    data.trainer = Training()
    return data.on_after_batch_transfer((values, values), 0)


def test_both_sides_move_alike(halves: Path) -> None:
    values = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8)
    data = SideBySide(str(halves), 16, jitter=True, mirror=True)
    x, y = augmented(data, values)
    assert x.shape == values.shape
    assert torch.equal(x, y)
    assert not torch.equal(x, data.modality.normalize(values))


def test_a_crop_is_a_part_of_the_enlarged_image() -> None:
    ramp = torch.linspace(-1, 1, 128).expand(1, 1, 128, 128)
    crop, _ = random_crop(ramp, ramp, "bilinear")
    assert crop.shape == ramp.shape
    assert torch.allclose(crop[0, 0, 0], crop[0, 0, 64])
    assert crop[0, 0, 0].diff()[8:-8].median().item() == pytest.approx(
        2 / 127 * 128 / 143, rel=0.01
    )
