"""Picture files, decoded safely: only formats that are named, every fault in words."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageOps import fit

from zoo.files import DAMAGE as FILE_DAMAGE

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # none that runs a program
ENDINGS = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm",
}  # fmt: skip
UNREAD = {
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".eps", ".pdf", ".ico", ".tga",
    ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".mp4", ".mov", ".avi",
    ".zip", ".tar", ".tgz",
}  # fmt: skip
LARGEST = 178_956_970  # pixels: where Pillow itself speaks of a decompression bomb
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadPicture(Exception):
    """The reason why a picture cannot be decoded, in a few words without its name."""


DAMAGE = (*FILE_DAMAGE, BadPicture)


class Header(NamedTuple):
    """What a picture was before it was cut."""

    format: str
    mode: str
    width: int
    height: int
    frames: int
    transparent: bool
    turned: bool


def frames(image: Image.Image) -> int:
    """How many frames or pages there are; 1 where the later ones are broken: the first counts."""
    if image.format not in ("GIF", "PNG", "WEBP", "TIFF"):
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1
    finally:
        image.seek(0)


@contextmanager
def opened(file: Path | IO[bytes], formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """An image whose content is in one of `formats`, whatever its name; raises BadPicture for
    whatever goes wrong while it is open."""
    try:
        with open_regular(file) as content:
            check_sums(content)
            with Image.open(content, formats=formats) as image:
                if image.width * image.height > LARGEST:
                    size = f"{image.width} x {image.height} pixels"
                    raise Image.DecompressionBombError(size)
                yield image
    except BadPicture:
        raise
    except Exception as error:  # decoders of broken files raise nearly every kind
        raise BadPicture(reason(error)) from error


def check_sums(content: IO[bytes]) -> None:
    """Raise for a PNG whose check sums are wrong: its damaged part would be decoded as black."""
    is_png = content.read(8) == b"\x89PNG\r\n\x1a\n"
    content.seek(0)
    if is_png:
        with Image.open(content, formats=("PNG",)) as image:
            image.verify()
        content.seek(0)


@contextmanager
def open_regular(file: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """A file that is there, is no pipe and holds something; raises BadPicture."""
    if not isinstance(file, Path):
        yield file
        return
    if file.is_symlink() and not file.exists():
        raise BadPicture("is a link to nowhere")
    if not file.is_file():
        raise BadPicture("is not a regular file")
    if not file.stat().st_size:
        raise BadPicture("is empty")
    with file.open("rb") as content:
        yield content


def reason(error: Exception) -> str:
    """A few words for people about what a decoder raised."""
    if "truncated" in str(error).lower():
        return "is truncated"
    if isinstance(error, PermissionError):
        return "may not be read by you"
    if isinstance(error, UnidentifiedImageError):
        return "is not an image in a format that is read here"
    words = " ".join(str(error).split())[:100] or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {LARGEST:,} pixels"
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    return f"is broken ({words})"


def header(image: Image.Image) -> Header:
    """What is known of an open image before it is decoded."""
    return Header(
        str(image.format),
        image.mode,
        image.width,
        image.height,
        frames(image),
        "A" in image.mode or "transparency" in image.info,
        orientation(image) in TURNS,
    )


def square(file: Path | IO[bytes], size: int) -> tuple[np.ndarray, Header]:
    """The centre square of a picture as (3, size, size) in uint8, antialiased; raises BadPicture.

    The first frame, the way up that the camera was held, transparent parts white.
    """
    with opened(file) as image:
        found = header(image)
        image.draft(None, (2 * size, 2 * size))  # JPEG: decode no more pixels than are needed
        image.load()  # which turns a TIFF by itself
        upright = turned(image, orientation(image))
        cut = fit(opaque(upright), (size, size), Image.Resampling.BILINEAR)
    return np.asarray(cut).transpose(2, 0, 1), found


def orientation(image: Image.Image) -> int:
    """How the camera was held: 1 where the file does not say, or says it wrongly."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a broken EXIF block spoils no pixels
        return 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def opaque(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB: transparent parts on white, deep grey levels scaled to 8 bits;
    raises BadPicture for a mode whose range of values is not known."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(eight_bits(image)).convert("RGB")
    if image.mode in ("LAB", "HSV"):
        raise BadPicture(f"has colors in {image.mode}: convert it to RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return image.convert("RGB")


def eight_bits(image: Image.Image) -> np.ndarray:
    """Grey levels (h, w) of 16 bits, or of floats in [0, 1], in uint8."""
    levels = np.asarray(image)
    low, high = float(levels.min()), float(levels.max())
    top = 1.0 if image.mode == "F" else 65535.0
    if not (low >= 0 and high <= top):
        raise BadPicture(
            f"has grey levels from {low:.4g} to {high:.4g}, not from 0 to {top:g}: convert it to "
            "8 or 16 bits"
        )
    return (levels.astype(np.float64) * (255 / top)).round().astype(np.uint8)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep back Pillow's warnings of large, cut or oddly tagged files: the faults are raised."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        yield


def workers() -> int:
    """How many threads decode: Pillow lets go of Python's lock."""
    return min(8, os.cpu_count() or 1)
