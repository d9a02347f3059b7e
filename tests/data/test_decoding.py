"""Decoding of picture files of all formats."""

import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import FAULTS, GRAY, KINDS, broken, halves, saved
from PIL import Image

from zoo.data import ImageFolder
from zoo.decoding import BadPicture, quiet_decoders, square
from zoo.errors import ZooError
from zoo.plotting.pictures import read


def turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    side = halves().transpose(Image.Transpose.ROTATE_90)
    return saved(folder, "a.jpg", side, exif=exif, quality=100)


def sixteen_bits(folder: Path, ending: str) -> Path:
    levels = np.asarray(halves("L")).astype(np.uint16) * 257
    return saved(folder, f"a{ending}", Image.fromarray(levels))


def alpha(mode: str, folder: Path) -> Path:
    """Black below, transparent above, which is shown as white."""
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
    "RGB": (lambda f: saved(f, "a.png", halves()), GRAY),
    "gray": (lambda f: saved(f, "a.png", halves("L")), GRAY),
    "bmp": (lambda f: saved(f, "a.bmp", halves()), GRAY),
    "ppm": (lambda f: saved(f, "a.ppm", halves()), GRAY),
    "tiff": (lambda f: saved(f, "a.tiff", halves()), GRAY),
    "16 bits": (lambda f: sixteen_bits(f, ".png"), GRAY),
    "16 bits in tiff": (lambda f: sixteen_bits(f, ".tif"), GRAY),
    "floats": (floats, GRAY),
    "palette": (lambda f: saved(f, "a.png", halves("P")), GRAY),
    "palette with transparency": (palette, GRAY),
    "one bit": (lambda f: saved(f, "a.png", halves("L").point(lambda v: v and 255, "1")), 255),
    "CMYK": (lambda f: saved(f, "a.jpg", halves("CMYK"), quality=100), GRAY),
    "RGBA": (lambda f: alpha("RGBA", f), 255),
    "LA": (lambda f: alpha("LA", f), 255),
    "EXIF": (turned, GRAY),
    "GIF": (lambda f: animated(f, ".gif"), GRAY),
    "animated PNG": (lambda f: animated(f, ".png"), GRAY),
    "WEBP": (lambda f: animated(f, ".webp"), GRAY),
    "PNG called jpg": (lambda f: saved(f, "a.jpg", halves(), format="PNG"), GRAY),
    "upper case": (lambda f: saved(f, "a.JPG", halves(), format="PNG"), GRAY),
    "one pixel": (lambda f: saved(f, "a.png", Image.new("L", (1, 2), GRAY)), GRAY),
}


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_each_format_is_decoded(kind: type[ImageFolder], name: str, tmp_path: Path) -> None:
    """Gray above and black below, in every format."""
    make, above = READABLE[name]
    make(tmp_path)
    pixels = kind(str(tmp_path), size=16, channels=3).images("test").pixels[0].float()
    assert pixels[:, :7].mean() == pytest.approx(above, abs=3)
    if name != "one pixel":
        assert pixels[:, 9:].max() < 8


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
    with quiet_decoders(), pytest.raises(BadPicture, match=r"gray levels.*got 0 to 2e"):
        square(path, 16)
