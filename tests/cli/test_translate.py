"""`zoo translate`: any size, any format, own names, no input replaced."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import saved
from PIL import Image
from torch import Tensor, nn
from toys import fails

import zoo
from zoo.analysis.tiling import as_a_whole, by_tiles, positions
from zoo.cli import main
from zoo.translation import L1Regression


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "toy.safetensors"
    zoo.save(L1Regression(size=16, width=2), path)
    return path


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 24), (37, 50), (5, 40), (9, 9)])
def test_tiles_of_a_function_of_pixels_have_no_seams(height: int, width: int) -> None:
    image = torch.rand(3, height, width) * 2 - 1
    sizes = []

    def negative(x: Tensor) -> Tensor:
        sizes.append(x.shape[1:])
        return -x

    torch.testing.assert_close(by_tiles(negative, image, 16), -image)
    assert set(sizes) == {(3, 16, 16)}


def test_neighboring_tiles_are_blended() -> None:
    """Outputs of alternating brightness vary by less than their difference between pixels."""
    calls = iter(range(99))

    def alternating(x: Tensor) -> Tensor:
        return torch.stack([torch.full((1, 16, 16), 1.0 - 2 * (next(calls) % 2)) for _ in x])

    row = by_tiles(alternating, torch.zeros(1, 16, 64), 16)[0, 8]
    assert row.min() < -0.9
    assert row.max() > 0.9
    assert row.diff().abs().max() < 0.5


@pytest.mark.parametrize("length", [16, 17, 24, 25, 100])
def test_tiles_cover_the_image(length: int) -> None:
    first = positions(length, 16)
    assert (first[0], first[-1]) == (0, length - 16)
    assert all(0 < b - a <= 8 for a, b in pairwise(first))


def test_a_whole_image_keeps_its_shape() -> None:
    image = torch.linspace(-1, 1, 40).expand(3, 20, 40)
    output = as_a_whole(nn.Identity(), image, 16)
    assert output.shape == image.shape
    assert (output - image).abs().mean() < 0.05


def test_a_folder_keeps_names_sizes_and_opacity(
    model: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(here, "in/a.jpg", Image.new("RGB", (20, 30), "red"))
    saved(here, "in/sub/b.png", Image.new("RGBA", (17, 9), (0, 0, 255, 100)))
    saved(here, "in/c.gif", Image.new("L", (16, 16)))
    turned = Image.new("RGB", (20, 30))
    exif = turned.getexif()
    exif[0x0112] = 6
    saved(here, "in/d.jpg", turned, exif=exif)
    main(["translate", str(model), "in", "--to", "out"])
    assert "4 pictures" in capsys.readouterr().out
    with Image.open("out/a.jpg") as a, Image.open("out/c.png") as c, Image.open("out/d.jpg") as d:
        assert (a.size, a.format, c.size, d.size) == ((20, 30), "JPEG", (16, 16), (30, 20))
    with Image.open("out/sub/b.png") as b:
        assert b.size == (17, 9)
        assert (np.asarray(b)[..., 3] == 100).all()


def test_one_file_to_one_file(model: Path, here: Path) -> None:
    saved(here, "a.png", Image.new("RGB", (20, 16)))
    main(["translate", str(model), "a.png", "--to", "b.webp", "--whole", "--seed", "3"])
    with Image.open("b.webp") as image:
        assert (image.size, image.format) == ((20, 16), "WEBP")


def test_a_bad_file_is_one_line_and_the_others_are_translated(
    model: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(here, "in/a.png", Image.new("RGB", (16, 16)))
    (here / "in/b.png").write_bytes(b"no picture")
    assert "1 of 2" in fails("translate", str(model), "in", "--to", "out")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "b.png" in line] == [line for line in lines if line.strip()]
    assert (here / "out/a.png").exists()


def test_no_input_is_replaced(model: Path, here: Path) -> None:
    path = saved(here, "in/a.png", Image.new("RGB", (16, 16)))
    before = path.read_bytes()
    (here / "link").symlink_to(here / "in")
    for to in ("in", "link", "in/a.png"):
        source = "in/a.png" if to.endswith(".png") else "in"
        assert "input" in fails("translate", str(model), source, "--to", to)
    assert path.read_bytes() == before


def test_two_pictures_need_two_outputs(model: Path, here: Path) -> None:
    for name in ("in/a.gif", "in/a.png"):
        saved(here, name, Image.new("RGB", (16, 16)))
    assert "a.png" in fails("translate", str(model), "in", "--to", "out")


def test_wrong_arguments_are_named(model: Path, here: Path) -> None:
    assert "nowhere" in fails("translate", str(model), "nowhere")
    assert "vae-digits" in fails("translate", "vae-digits", str(model))
    path = saved(here, "a.png", Image.new("RGB", (16, 16)))
    assert "down" in fails("translate", str(model), str(path), "--direction", "down")
    assert ".xyz" in fails("translate", str(model), str(path), "--to", "b.xyz")
