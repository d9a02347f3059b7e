"""Folders and archives of pictures; errors name the file and the reason."""

import io
import tarfile
from pathlib import Path

import pytest
import torch
from lightning import LightningModule, Trainer
from picture_files import FAULTS, KINDS, broken, halves, png, saved
from PIL import Image

from zoo.data import ImageFolder, Shards
from zoo.data.inventory import printable_name
from zoo.data.listing import list_files
from zoo.errors import BadRecipe, MissingData

RED = (200, 40, 40)


def some(folder: Path, n: int = 12, ending: str = ".png") -> Path:
    for i in range(n):
        saved(folder, f"{i:02}{ending}", Image.new("RGB", (16, 16), (i * 9, 99, 0)))
    return folder


def count(data: ImageFolder | Shards) -> int:
    return sum(len(data.images(split).pixels) for split in ("train", "test"))


@pytest.mark.parametrize("kind", KINDS)
def test_all_unreadable_files_are_named_in_one_error(
    kind: type[ImageFolder], tmp_path: Path
) -> None:
    some(tmp_path)
    named = {*FAULTS, "nowhere.png"}
    for name, content in FAULTS.items():
        broken(tmp_path, name, content)
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(BadRecipe) as error:
        kind(str(tmp_path), size=16).images("train")
    message = str(error.value)
    assert all(name in message for name in named)
    assert "folder.jpg" not in message
    assert "downloaded again" not in message
    assert "unreadable skip" in message
    assert "\n" not in message


@pytest.mark.parametrize("kind", KINDS)
def test_unreadable_files_are_skipped_on_request(kind: type[ImageFolder], tmp_path: Path) -> None:
    some(tmp_path)
    for name, content in FAULTS.items():
        broken(tmp_path, name, content)
    data = kind(str(tmp_path), size=16, unreadable="skip")
    pixels = torch.cat([data.images("train").pixels, data.images("test").pixels])
    assert set(pixels[:, 0].flatten(1).float().mean(1).tolist()) == {9.0 * i for i in range(12)}
    if kind is ImageFolder:
        assert len(pixels) == 12
        assert data.inventory.faults.keys() == FAULTS.keys()


HIDDEN = (
    "cats/.ipynb_checkpoints/0-checkpoint.png",
    "cats/._0.png",
    ".hidden.png",
    "__MACOSX/cats/0.png",
    ".git/cats/0.png",
    "@eaDir/0.png",
)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_files_are_ignored(kind: type[ImageFolder], tmp_path: Path) -> None:
    root = tmp_path / ".cache"  # the root itself may be hidden
    for name in ("cats", "dogs"):
        some(root / name, 10, ".PNG" if name == "cats" else ".png")
    for name in HIDDEN:
        saved(root, name, halves())
    (root / "cats" / ".DS_Store").write_bytes(b"x")
    data = kind(str(root), size=16, labels=True)
    assert count(data) == 20
    assert set(data.images("train").labels.tolist()) == {0, 1}


def test_hidden_files_in_tar_files_are_ignored(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.TAR", "w") as archive:
        for name in ("./0.png", "./1.JPG", *HIDDEN):
            member, content = tarfile.TarInfo(name), png(halves())
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert count(Shards(str(tmp_path), size=16)) == 2


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    some(tmp_path / "elsewhere", 3)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "again").symlink_to(tmp_path / "root")
    assert len(list_files(tmp_path / "root").files) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_root_raises(
    kind: type[ImageFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing root is not replaced by the folder of ZOO_DATA."""
    monkeypatch.setenv("ZOO_DATA", str(some(tmp_path)))
    for go in (lambda d: d.prepare_data(), lambda d: d.setup("fit"), lambda d: d.images("train")):
        with pytest.raises(BadRecipe, match="root must be"):
            go(kind())
    for place in ("nowhere", "00.png"):
        with pytest.raises(MissingData, match=place):
            kind(str(tmp_path / place)).images("train")


def test_unsupported_formats_are_named(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"x")
    with pytest.raises(MissingData, match=r"\.heic"):
        ImageFolder(str(tmp_path)).images("train")


def test_a_set_larger_than_memory_raises_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some(tmp_path)
    monkeypatch.setattr("zoo.data.memory.available_memory", lambda: 10_000)
    monkeypatch.setattr("zoo.data.folder.square", lambda *_: 1 / 0)
    with pytest.raises(BadRecipe, match=r"zoo.data.Shards"):
        ImageFolder(str(tmp_path), size=64).images("train")


@pytest.mark.parametrize("kind", KINDS)
def test_channels_are_inferred_from_the_pictures(kind: type[ImageFolder], tmp_path: Path) -> None:
    gray = tmp_path / "gray"
    for i in range(12):
        saved(gray, f"{i}.png", Image.new("L", (16, 16), i * 20))
    assert kind(str(gray), size=16).channels == 1
    assert kind(str(gray), size=16).images("train").pixels.shape[1] == 1
    assert kind(str(gray), size=16, channels=3).images("train").pixels.shape[1] == 3
    red = saved(tmp_path / "red", "a.png", Image.new("RGB", (16, 16), RED)).parent
    assert kind(str(red), size=16).channels == 3
    luma = kind(str(red), size=16, channels=1).images("test").pixels
    assert luma.unique().tolist() == [round(0.299 * 200 + 0.701 * 40)]
    with pytest.raises(BadRecipe, match="channels must be 1, 3 or null, got 4"):
        kind(str(red), channels=4)


def test_an_error_in_a_worker_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a set of which only some pictures were looked at."""
    monkeypatch.setattr("zoo.data.shards.LIMIT", 5)
    some(tmp_path, 20)
    broken(tmp_path, "10x.png", FAULTS["truncated.png"])
    for workers in (0, 1):
        data = Shards(str(tmp_path), size=16, batch_size=18, workers=workers)
        data.setup("fit")
        with pytest.raises(BadRecipe) as error:
            list(data.train_dataloader())
        assert str(error.value).startswith("10x.png is truncated")
        assert "Traceback" not in str(error.value)
    data = Shards(str(tmp_path), size=16, batch_size=18, unreadable="skip")
    data.setup("fit")
    assert len(next(iter(data.train_dataloader()))[0]) == 18


class Nothing(LightningModule):
    def training_step(self, batch: object, index: int) -> None:
        return None

    def configure_optimizers(self) -> None:
        return None


def test_an_inventory_is_printed_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some(tmp_path / "in")
    saved(tmp_path / "in", "wide.png", halves().resize((90, 20)))
    saved(tmp_path / "in", "again.png", halves().resize((90, 20)))
    broken(tmp_path / "in", "text.png", b"no picture")
    data = ImageFolder(str(tmp_path / "in"), 18, batch_size=4, unreadable="skip")
    trainer = Trainer(
        max_steps=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        limit_val_batches=0,
        default_root_dir=tmp_path / "run",
    )
    trainer.fit(Nothing(), datamodule=data)
    said = capsys.readouterr().err
    for words in ("14 pictures", "14 PNG", "12 are smaller", "2 are over twice", "1 are exact"):
        assert words in said
    assert "text.png" in said
    kept = (tmp_path / "run" / "pictures.yaml").read_text()
    assert "pictures: 14" in kept
    assert "text.png" in kept


def test_file_names_are_escaped_in_messages(tmp_path: Path) -> None:
    assert printable_name("a\x1b[2J\nb.png") == "a?[2J?b.png"
    some(tmp_path)
    broken(tmp_path, "a\x1b[2J.png", b"x")
    with pytest.raises(BadRecipe) as error:
        ImageFolder(str(tmp_path)).images("train")
    assert str(error.value).isprintable()
