"""People's own pictures: of every kind each is read right, or named with what is wrong with it."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer
from PIL import Image

from zoo.data import ImageFolder, Shards
from zoo.data.inventory import printable_name
from zoo.data.listing import list_files
from zoo.decoding import BadPicture, quiet_decoders, square
from zoo.errors import BadRecipe, MissingData, ZooError
from zoo.plotting.pictures import read

KINDS = [ImageFolder, Shards]
GREY = 200
RED = (200, 40, 40)


def halves(mode: str = "RGB", size: int = 16) -> Image.Image:
    """Grey above, black below."""
    image = Image.new("RGB", (size, size), (GREY,) * 3)
    image.paste((0, 0, 0), (0, size // 2, size, size))
    return image.convert(mode)


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def some(folder: Path, n: int = 12, ending: str = ".png") -> Path:
    for i in range(n):
        saved(folder, f"{i:02}{ending}", Image.new("RGB", (16, 16), (i * 9, 99, 0)))
    return folder


def count(data: ImageFolder | Shards) -> int:
    return sum(len(data.images(split).pixels) for split in ("train", "test"))


def turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    side = halves().transpose(Image.Transpose.ROTATE_90)
    return saved(folder, "a.jpg", side, exif=exif, quality=100)


def sixteen_bits(folder: Path, ending: str) -> Path:
    levels = np.asarray(halves("L")).astype(np.uint16) * 257
    return saved(folder, f"a{ending}", Image.fromarray(levels))


def alpha(mode: str, folder: Path) -> Path:
    """Black, and above transparent: white shows through."""
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 16, 8))
    return saved(folder, "a.png", image.convert(mode))


def palette(folder: Path) -> Path:
    image = halves("P")
    return saved(folder, "a.png", image, transparency=bytes([255] * 256))


def floats(folder: Path) -> Path:
    return saved(folder, "a.tif", Image.fromarray(np.asarray(halves("L")) / np.float32(255)))


def animated(folder: Path, ending: str) -> Path:
    more = [Image.new("RGB", (16, 16), "white")]
    return saved(folder, f"a{ending}", halves(), save_all=True, append_images=more, lossless=True)


READABLE = {
    "RGB": (lambda f: saved(f, "a.png", halves()), GREY),
    "grey": (lambda f: saved(f, "a.png", halves("L")), GREY),
    "bmp": (lambda f: saved(f, "a.bmp", halves()), GREY),
    "ppm": (lambda f: saved(f, "a.ppm", halves()), GREY),
    "tiff": (lambda f: saved(f, "a.tiff", halves()), GREY),
    "16 bits": (lambda f: sixteen_bits(f, ".png"), GREY),
    "16 bits in tiff": (lambda f: sixteen_bits(f, ".tif"), GREY),
    "floats": (floats, GREY),
    "palette": (lambda f: saved(f, "a.png", halves("P")), GREY),
    "palette with transparency": (palette, GREY),
    "one bit": (lambda f: saved(f, "a.png", halves("L").point(lambda v: v and 255, "1")), 255),
    "CMYK": (lambda f: saved(f, "a.jpg", halves("CMYK"), quality=100), GREY),
    "RGBA": (lambda f: alpha("RGBA", f), 255),
    "LA": (lambda f: alpha("LA", f), 255),
    "EXIF": (turned, GREY),
    "GIF": (lambda f: animated(f, ".gif"), GREY),
    "animated PNG": (lambda f: animated(f, ".png"), GREY),
    "WEBP": (lambda f: animated(f, ".webp"), GREY),
    "PNG called jpg": (lambda f: saved(f, "a.jpg", halves(), format="PNG"), GREY),
    "upper case": (lambda f: saved(f, "a.JPG", halves(), format="PNG"), GREY),
    "one pixel": (lambda f: saved(f, "a.png", Image.new("L", (1, 2), GREY)), GREY),
}


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_each_format_is_decoded(kind: type[ImageFolder], name: str, tmp_path: Path) -> None:
    """Light above, dark below, whatever holds it."""
    make, above = READABLE[name]
    make(tmp_path)
    pixels = kind(str(tmp_path), size=16, channels=3).images("test").pixels[0].float()
    assert pixels[:, :7].mean() == pytest.approx(above, abs=3)
    if name != "one pixel":
        assert pixels[:, 9:].max() < 8


def broken(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


def png(image: Image.Image) -> bytes:
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
FAULTS = {
    "truncated.png": png(NOISE)[:5000],
    "empty.jpg": b"",
    "text.jpg": b"no picture",
    "bomb.ppm": b"P6 2000000000 2000000000 255\n",
    "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
    "zlib.png": png(Image.radial_gradient("L"))[:200] + b"\xff" * 9000,
}


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
    said = str(error.value)
    assert all(name in said for name in named)
    assert "folder.jpg" not in said
    assert "downloaded again" not in said
    assert "unreadable skip" in said
    assert "\n" not in said


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


def test_decoding_runs_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    broken(tmp_path, "eps.png", FAULTS["eps.jpg"])
    with pytest.raises(BadPicture):
        square(tmp_path / "eps.png", 16)
    with pytest.raises(ZooError, match=r"eps.png"):
        read(tmp_path / "eps.png")
    assert not (tmp_path / "ran").exists()


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadPicture, match="not a regular file"):
        square(tmp_path / "pipe.png", 16)


def test_gray_levels_out_of_range_raise(tmp_path: Path) -> None:
    levels = np.asarray(halves("L")).astype(np.float32) * 1000
    path = saved(tmp_path, "a.tif", Image.fromarray(levels))
    with quiet_decoders(), pytest.raises(BadPicture, match=r"gray levels.*2e"):
        square(path, 16)


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
    root = tmp_path / ".cache"  # what the root itself is called does not matter
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
    """Not everything below the data root."""
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
    monkeypatch.setattr("zoo.data.folder.available_memory", lambda: 10_000)
    monkeypatch.setattr("zoo.data.folder.square", lambda *_: 1 / 0)
    with pytest.raises(BadRecipe, match=r"zoo.data.Shards"):
        ImageFolder(str(tmp_path), size=64).images("train")


@pytest.mark.parametrize("kind", KINDS)
def test_channels_are_inferred_from_the_pictures(kind: type[ImageFolder], tmp_path: Path) -> None:
    grey = tmp_path / "grey"
    for i in range(12):
        saved(grey, f"{i}.png", Image.new("L", (16, 16), i * 20))
    assert kind(str(grey), size=16).channels == 1
    assert kind(str(grey), size=16).images("train").pixels.shape[1] == 1
    assert kind(str(grey), size=16, channels=3).images("train").pixels.shape[1] == 3
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
