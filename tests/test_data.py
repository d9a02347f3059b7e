"""Data modules: files as downloads write them, splits, orders, and errors of missing or damaged
files."""

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data import (
    BSDS,
    CIFAR10,
    MNIST,
    Adult,
    BinarizedMNIST,
    CelebA,
    Digits,
    Edges2Photos,
    FashionMNIST,
    FixedBinarizedMNIST,
    ImageDataModule,
    ImageFolder,
    JSBChorales,
    Maps,
    Shards,
    SpokenDigits,
    StackedMNIST,
    TinyShakespeare,
    sounds,
    stacked,
)
from zoo.data.arrays import random_flip
from zoo.data.downloads import fetch
from zoo.data.images import normalize
from zoo.data.module import ZooDataModule
from zoo.data.resumable import ResumableLoader, ResumableSampler
from zoo.data.streaming import StreamedImages
from zoo.errors import BadRecipe, MissingData


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Twenty images in the files that torchvision writes."""
    rng = np.random.default_rng(0)
    for name in ("MNIST", "FashionMNIST"):
        raw = tmp_path / name / "raw"
        raw.mkdir(parents=True)
        for part in ("train", "t10k"):
            images = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
            (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
            labels = (np.arange(20) % 10).astype(np.uint8)
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Twelve faces, red inside the crop and blue outside of it."""
    folder = tmp_path / "celeba"
    folder.mkdir()
    names = [f"{number:06}.jpg" for number in range(1, 13)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name in names:
            face = Image.new("RGB", (178, 218), "blue")
            face.paste((255, 0, 0), (15, 35, 163, 183))  # the center square of 148
            packed = io.BytesIO()
            face.save(packed, "JPEG", quality=100, subsampling=0)
            archive.writestr(f"img_align_celeba/{name}", packed.getvalue())
    header = "12\n" + " ".join(f"attribute_{i}" for i in range(40))
    rows = [
        f"{name} " + " ".join("1" if i == row else "-1" for i in range(40))
        for row, name in enumerate(names)
    ]
    (folder / "list_attr_celeba.txt").write_text("\n".join([header, *rows]))
    (folder / "list_eval_partition.txt").write_text("\n".join(f"{name} 0" for name in names))
    return tmp_path


def first(data: ImageDataModule) -> tuple[torch.Tensor, torch.Tensor]:
    data.prepare_data()
    data.setup("fit")
    return data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)


def test_digits_need_no_download() -> None:
    images, labels = first(Digits(labels=True))
    assert images.shape == (64, 1, 8, 8)
    assert images.min() == -1
    assert images.max() == 1
    assert labels.shape == (64,)
    assert len(Digits().images("train").pixels) + len(Digits().images("test").pixels) == 1797


def test_labels_are_in_batches_only_by_option() -> None:
    _, labels = first(Digits())
    assert labels.shape == (64, 0)


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_mnist_is_padded(kind: type[ImageDataModule], mnist: Path) -> None:
    data = kind(str(mnist), size=32, batch_size=10)
    images, _ = first(data)
    assert images.shape == (10, 1, 32, 32)
    assert (images[..., :2] == -1).all()
    assert (images[:, :, -2:] == -1).all()
    at_28 = kind(str(mnist), size=28, batch_size=10).images("train").pixels
    assert torch.equal(data.images("train").pixels[:, :, 2:-2, 2:-2], at_28)
    with pytest.raises(BadRecipe, match=r"size.*28.*32.*64"):
        kind(str(mnist), size=64).setup("fit")


def test_binarized_mnist_is_a_fixed_bernoulli_sample_of_gray_levels(mnist: Path) -> None:
    gray = MNIST(str(mnist), size=28).images("test").pixels.int()
    data = BinarizedMNIST(str(mnist), batch_size=10)
    images, _ = first(data)
    assert images.shape == (10, 1, 28, 28)
    assert set(images.unique().tolist()) == {-1, 1}
    white = data.images("test").pixels == 255
    assert torch.equal(BinarizedMNIST(str(mnist)).images("test").pixels == 255, white)
    assert white[gray == 255].all()
    assert not white[gray == 0].any()
    for low in range(0, 256, 64):
        band = (gray >= low) & (gray < low + 64)
        assert abs(white[band].float().mean() - gray[band].float().mean() / 255) < 0.02
    assert not torch.equal(data.images("train").pixels[:20] == 255, white)
    with pytest.raises(BadRecipe, match=r"size.*28.*32"):
        BinarizedMNIST(str(mnist), size=32).setup("fit")


def test_an_epoch_contains_every_image_once(mnist: Path) -> None:
    data = MNIST(str(mnist), size=28, batch_size=5)
    data.setup("fit")
    batches = [pixels for pixels, _ in data.train_dataloader()]
    seen = {x.numpy().tobytes() for batch in batches for x in batch}
    assert seen == {x.numpy().tobytes() for x in data.images("train").pixels}


def test_cifar10_from_an_npz(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    images = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    for split in ("train", "test"):
        np.savez(tmp_path / "cifar10" / f"{split}.npz", images=images, labels=np.arange(10))
    data = CIFAR10(str(tmp_path), batch_size=4)
    assert first(data)[0].shape == (4, 3, 32, 32)
    assert torch.equal(data.images("train").pixels[3, 1], torch.from_numpy(images[3, :, :, 1]))


def test_celeba_is_cropped_to_its_center_square(celeba: Path) -> None:
    data = CelebA(str(celeba), size=64, batch_size=4, labels=True)
    pixels = data.images("train").pixels.float()
    inside = pixels[:, :, 1:-1, 1:-1]
    assert inside[:, 0].min() > 240  # red to the edge, without the blue frame
    assert inside[:, 2].max() < 15
    assert len(pixels) == 10  # without a face of the test partition, every tenth is held out
    assert len(data.images("test").pixels) == 2


def test_celeba_attributes_belong_to_their_faces(celeba: Path) -> None:
    data = CelebA(str(celeba), labels=True)
    assert data.images("train").labels.argmax(1).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]
    assert data.images("test").labels.sum(1).tolist() == [1, 1]


def test_celeba_is_decoded_once(celeba: Path) -> None:
    pixels = CelebA(str(celeba)).images("train").pixels
    cache = celeba / "celeba" / "celeba-148-64.npy"
    written = cache.stat().st_mtime_ns
    assert torch.equal(CelebA(str(celeba)).images("train").pixels, pixels)
    assert cache.stat().st_mtime_ns == written
    assert not list(celeba.rglob("*.part*"))


def test_errors_name_damaged_files_of_celeba(celeba: Path) -> None:
    """A picture in the archive, and a table; a damaged cache is computed again."""
    cache, whole = celeba / "celeba" / "celeba-148-64.npy", CelebA(str(celeba)).images("train")
    cache.write_bytes(cache.read_bytes()[:100])
    assert torch.equal(CelebA(str(celeba)).images("train").pixels, whole.pixels)
    cache.unlink()
    with zipfile.ZipFile(celeba / "celeba" / "img_align_celeba.zip", "a") as archive:
        archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"x")
        archive.writestr("img_align_celeba/000013.jpg", b"P6 2000000000 2000000000 255\n")
    with pytest.raises(MissingData, match=r"000013.jpg"):
        CelebA(str(celeba)).images("train")
    (celeba / "celeba" / "list_attr_celeba.txt").write_text("12\n")
    with pytest.raises(MissingData, match=r"list_attr_celeba.txt"):
        _ = CelebA(str(celeba)).attributes


def test_labels_of_a_picture_folder_are_its_subfolders(tmp_path: Path) -> None:
    for name, color in ("cats/a.png", "red"), ("cats/b.jpg", "red"), ("dogs/c.png", "blue"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (50, 80), color).save(tmp_path / name)
    data = ImageFolder(str(tmp_path), size=16, batch_size=2, labels=True)
    assert data.images("train").pixels.shape == (2, 3, 16, 16)
    assert data.images("train").labels.tolist() == [0, 1]
    (tmp_path / "cats" / "d.png").write_text("no picture")
    with pytest.raises(BadRecipe, match=r"d.png"):
        ImageFolder(str(tmp_path)).images("train")
    with pytest.raises(MissingData, match="nowhere"):
        ImageFolder(str(tmp_path / "nowhere")).images("train")


IMAGES = (MNIST, FashionMNIST, CIFAR10, CelebA, FixedBinarizedMNIST, Edges2Photos, Maps, BSDS)


@pytest.mark.parametrize("kind", [*IMAGES, TinyShakespeare, JSBChorales, SpokenDigits, Adult])
def test_missing_data_offline(
    kind: type[ZooDataModule], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error names the data set, the folder, the address and ZOO_DATA."""

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setattr("zoo.data.downloads.urlopen", offline)
    monkeypatch.setattr("urllib.request.urlretrieve", offline)
    monkeypatch.setitem(__import__("sys").modules, "gdown", None)
    with pytest.raises(MissingData) as error:
        kind(str(tmp_path)).prepare_data()
    message = str(error.value)
    assert kind.source.title in message
    assert str(tmp_path) in message
    assert kind.source.url in message
    assert "ZOO_DATA" in message


def test_a_download_is_limited_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted archive is unpacked again, and a file above the limit is not read."""
    recordings = {f"free/{digit}_ann_0.wav": b"RIFF" for digit in range(10)}
    with zipfile.ZipFile(tmp_path / "digits.zip", "w") as archive:
        for name, content in {**recordings, "free/readme.md": b"text"}.items():
            archive.writestr(name, content)
    address = (tmp_path / "digits.zip").as_uri()
    monkeypatch.setattr(sounds, "ARCHIVE", address)
    (tmp_path / "spoken_digits.part").mkdir()  # left by an interruption
    data = SpokenDigits(str(tmp_path))
    data.prepare_data()
    assert {path.name for path in data.files} == {name.partition("/")[2] for name in recordings}
    assert not (tmp_path / "spoken_digits.part").exists()
    assert len(fetch(address, 10_000)) == (tmp_path / "digits.zip").stat().st_size
    with pytest.raises(ValueError, match="digits"):
        fetch(address, 100)


def test_root_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    assert Digits().root == tmp_path
    monkeypatch.delenv("ZOO_DATA")
    assert Digits().root == Path("data")


def test_a_batch_cannot_be_larger_than_the_data() -> None:
    with pytest.raises(BadRecipe, match=r"1500.*2000"):
        Digits(batch_size=2000).setup("fit")


def test_normalize_is_exact_at_both_ends() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    x = normalize(pixels)
    assert x.min() == -1
    assert x.max() == 1
    assert torch.equal(((x + 1) * 127.5).round().to(torch.uint8), pixels)


def test_random_flip_flips_whole_images() -> None:
    pixels = torch.arange(4, dtype=torch.uint8).expand(100, 1, 2, 4)
    rows = {tuple(x[0, 0].tolist()) for x in random_flip(pixels)}
    assert rows == {(0, 1, 2, 3), (3, 2, 1, 0)}


def tar(path: Path, names: list[str], level: int, label: int | None = None) -> None:
    """A tar file in WebDataset's format: pictures of one gray level, and their class."""
    with tarfile.open(path, "w") as archive:
        for name in names:
            packed = io.BytesIO()
            Image.new("RGB", (20, 30), (level,) * 3).save(packed, "PNG")
            files = {f"{name}.png": packed.getvalue()}
            files |= {} if label is None else {f"{name}.cls": str(label).encode()}
            for file, content in files.items():
                member = tarfile.TarInfo(file)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two tar files of 20 pictures each, and a folder of five."""
    tar(tmp_path / "a-0.tar", [f"{i:03}" for i in range(20)], 0, label=7)
    tar(tmp_path / "a-1.tar", [f"{i:03}" for i in range(20)], 100)
    (tmp_path / "loose").mkdir()
    for i in range(5):
        Image.new("RGB", (30, 20), (200,) * 3).save(tmp_path / "loose" / f"{i}.png")
    return tmp_path


def levels(batches: list[tuple[torch.Tensor, torch.Tensor]]) -> list[tuple[int, int]]:
    """Gray level and label of every picture."""
    return [
        (int(pixels[0, 0, 0]), int(label))
        for images, labels in batches
        for pixels, label in zip(images, labels, strict=True)
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_shards_are_shuffled_and_decoded_on_demand(shards: Path, workers: int) -> None:
    """An epoch contains every picture once, from tar files and folders, in a shuffled order."""
    data = Shards(str(shards), size=16, batch_size=4, labels=True, workers=workers)
    data.setup("fit")
    seen = levels(list(data.train_dataloader()))
    assert len(seen) == 40  # of 45, every tenth held out
    assert sorted(seen) == [(0, 7)] * 18 + [(100, 1)] * 18 + [(200, 2)] * 4
    assert seen != sorted(seen)
    assert len(data.images("test").pixels) == 5
    images, labels = data.on_after_batch_transfer(next(iter(data.val_dataloader())), 0)
    assert images.shape == (4, 3, 16, 16)
    assert labels.shape == (4,)


def test_shards_are_shared_by_ranks_and_resumed(shards: Path) -> None:
    """Two ranks divide all pictures; a restored loader continues after its last batch."""
    images = StreamedImages(Shards(str(shards)).entries("train"), 16, labels=True)
    orders = [list(ResumableSampler(images, 2, rank, seed=3, drop_last=True)) for rank in range(2)]
    assert sorted(orders[0] + orders[1]) == list(range(40))

    def loader() -> ResumableLoader:
        return ResumableLoader(
            images, 4, ResumableSampler(images, 1, 0, seed=3, drop_last=True), workers=2
        )

    first, whole, rest = loader(), loader(), loader()
    batches = iter(first)
    first_batches = [next(batches), next(batches), next(batches)]
    rest.load_state_dict(first.state_dict())
    assert levels([*first_batches, *rest]) == levels(list(whole))
    first.order.set_epoch(1)
    assert levels(list(first)) != levels(list(whole))
    with pytest.raises(BadRecipe, match=r"40 images in batches of 4.* 40 images in batches of 5"):
        ResumableLoader(images, 5, ResumableSampler(images, 1, 0)).load_state_dict(
            rest.state_dict() | {"yielded": 1}
        )


def test_shards_need_pictures_or_tar_files(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=str(tmp_path)):
        Shards(str(tmp_path)).setup("fit")
    (tmp_path / "a.tar").write_bytes(b"no tar file at all")
    with pytest.raises(BadRecipe, match=r"a.tar"):
        Shards(str(tmp_path)).setup("fit")


def test_stacked_mnist_stacks_three_digits(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label is the number whose digits are the channels, and the sample is fixed."""
    monkeypatch.setitem(stacked.SIZES, "train", 50)
    data, gray = StackedMNIST(str(mnist), size=28), MNIST(str(mnist), size=28).images("train")
    pixels, labels = data.images("train")
    assert pixels.shape == (50, 3, 28, 28)
    for image, label in zip(pixels, labels.tolist(), strict=True):
        for channel, digit in zip(image, (label // 100, label // 10 % 10, label % 10), strict=True):
            assert any(torch.equal(channel, one) for one in gray.pixels[gray.labels == digit, 0])
    again = StackedMNIST(str(mnist), size=32).images("train")
    assert torch.equal(again.labels, labels)
    assert len(labels.unique()) > 40


def test_exclude_class_applies_to_the_training_split_only() -> None:
    whole, without = Digits(), Digits(exclude_class=4)
    known = whole.images("train").labels != 4
    assert torch.equal(without.images("train").pixels, whole.images("train").pixels[known])
    assert torch.equal(without.images("test").labels, whole.images("test").labels)
    assert without.digest("train") != whole.digest("train")
    data = Digits(exclude_class=12)
    for _ in range(2):
        with pytest.raises(BadRecipe, match="12"):
            data.images("train")


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, BinarizedMNIST, StackedMNIST])
@pytest.mark.parametrize("content", [b"", b"x" * 99, struct.pack(">HBB3I", 0, 8, 3, 2**31, 28, 28)])
def test_errors_report_damaged_files_of_mnist(
    kind: type[ImageDataModule], content: bytes, mnist: Path
) -> None:
    for path in mnist.rglob("train-images-idx3-ubyte"):
        path.write_bytes(content)
    with pytest.raises(MissingData, match="damaged"):
        first(kind(str(mnist), batch_size=4))


@pytest.mark.parametrize(
    "array",
    [
        {"images": np.zeros((9, 32, 32, 3))},
        {"images": np.zeros((9, 16, 16, 3), np.uint8)},
        {"images": np.zeros((9, 3, 32, 32), np.uint8)},
        {"labels": np.arange(4)},
        {"labels": np.arange(9) / 2},
        {"labels": np.arange(9) + 5},
        {"labels": np.arange(9) - 1},
        {"labels": np.array([None] * 9)},
    ],
)
def test_invalid_arrays_are_damaged_files(array: dict[str, np.ndarray], tmp_path: Path) -> None:
    """Arrays of another type, shape or length, and labels that are not classes."""
    (tmp_path / "cifar10").mkdir()
    whole = {"images": np.zeros((9, 32, 32, 3), np.uint8), "labels": np.arange(9)}
    for split in ("train", "test"):
        np.savez(tmp_path / "cifar10" / f"{split}.npz", **(whole | array))
    with pytest.raises(MissingData, match=r"CIFAR-10 .* are damaged"):
        first(CIFAR10(str(tmp_path), batch_size=4))


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "list_eval_partition.txt"])
@pytest.mark.parametrize("content", [b"", b"<html>404 not found</html>\n" * 9, b"\x80\xff" * 99])
def test_errors_name_damaged_tables_of_celeba(name: str, content: bytes, celeba: Path) -> None:
    (celeba / "celeba" / name).write_bytes(content)
    with pytest.raises(MissingData, match=name):
        CelebA(str(celeba)).images("train")
    if name.startswith("list_attr"):
        with pytest.raises(MissingData, match="damaged"):
            _ = CelebA(str(celeba)).attributes


def test_faces_are_decoded_again_for_a_newer_archive(celeba: Path) -> None:
    folder = celeba / "celeba"
    cache = folder / "celeba-148-64.npy"
    pixels = CelebA(str(celeba)).images("train").pixels.clone()
    for content in (b"PK\3\4", b"\x93NUMPY\1\0\x76\0{{{{" + b" " * 200):
        cache.write_bytes(content)
        assert torch.equal(CelebA(str(celeba)).images("train").pixels, pixels)
    np.save(cache, np.zeros((12, 3, 64, 64), np.uint8))
    os.utime(cache, (1, 1))
    assert torch.equal(CelebA(str(celeba)).images("train").pixels, pixels)


def broken_tar(path: Path, kind: str) -> str:
    """Write a tar file with one fault; return its name in messages."""
    tar(path, [f"{i}" for i in range(6)], 50)
    content = path.read_bytes()
    if kind == "damaged":
        start = content.index(b"3.png")
        path.write_bytes(content[:start] + b"\xff" * 300 + content[start + 300 :])
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif kind == "class":
        tar(path, ["0"], 50, label=-1)
        return "z.tar:0.cls"
    elif kind == "link":
        with tarfile.open(path, "a") as archive:
            member = tarfile.TarInfo("again.png")
            member.type, member.linkname = tarfile.LNKTYPE, "1.png"
            archive.addfile(member)
        return "z.tar:again.png"
    return "z.tar"


@pytest.mark.parametrize("kind", ["damaged", "pipe", "class", "link"])
def test_errors_name_unreadable_parts_of_tar_files(shards: Path, kind: str) -> None:
    """The error names the fault; with `skip` the other pictures are read."""
    name = broken_tar(shards / "z.tar", kind)
    with pytest.raises(BadRecipe, match=name):
        Shards(str(shards), size=8).setup("fit")
    data = Shards(str(shards), size=8, batch_size=4, unreadable="skip", workers=0)
    data.setup("fit")
    assert list(data.inventory.faults) == [name]
    assert len(next(iter(data.train_dataloader()))[0]) == 4


def test_paths_in_tar_files_may_start_with_dots(tmp_path: Path) -> None:
    tar(tmp_path / "a.tar", [f"../../x/{i}" for i in range(4)], 50)
    tar(tmp_path / "b.tar", [f"./{i}" for i in range(4)], 50)
    assert len(Shards(str(tmp_path)).all_entries) == 8


@pytest.mark.parametrize("kind", [Digits, ImageFolder, Shards])
def test_sizes_must_be_positive(kind: type[ImageDataModule]) -> None:
    for name in ("size", "batch_size"):
        for value in (0, -1):
            with pytest.raises(BadRecipe, match=f"{name}.*{value}"):
                kind(**{name: value})


def test_an_empty_root_is_rejected() -> None:
    """For example from `--data.init_args.root "$UNSET"`."""
    for kind in (ImageFolder, Shards):
        with pytest.raises(BadRecipe, match="root"):
            kind("").setup("fit")
    with pytest.raises(BadRecipe, match=r"unreadable.*maybe"):
        ImageFolder(unreadable="maybe")
