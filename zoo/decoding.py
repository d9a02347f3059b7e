"""Safe decoding of picture files: a list of allowed formats, one exception for all errors."""

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

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # no format that runs a program
ENDINGS = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm",
}  # fmt: skip
UNREAD = {
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".eps", ".pdf", ".ico", ".tga",
    ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".mp4", ".mov", ".avi",
    ".zip", ".tar", ".tgz",
}  # fmt: skip
LARGEST = 178_956_970  # pixels, above which Pillow raises DecompressionBombError too
ORIENTATION = 0x0112  # EXIF tag
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
    """Reason why a picture cannot be decoded, a predicate that follows the name of the file."""


DAMAGE = (*FILE_DAMAGE, BadPicture)


class Header(NamedTuple):
    """Properties of a picture file before cropping and conversion."""

    format: str
    mode: str
    width: int
    height: int
    frames: int
    transparent: bool
    turned: bool


def frames(image: Image.Image) -> int:
    """Number of frames or pages; 1 if the later ones are broken, because only the first is used."""
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
    """Open a picture whose content, whatever its name, is in one of `formats`.

    Raises BadPicture for any exception within the context.
    """
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
    except Exception as error:  # decoders raise nearly every exception for broken files
        raise BadPicture(describe(error)) from error


def check_sums(content: IO[bytes]) -> None:
    """Raise for a PNG with wrong checksums, whose damaged part Pillow decodes as black."""
    is_png = content.read(8) == b"\x89PNG\r\n\x1a\n"
    content.seek(0)
    if is_png:
        with Image.open(content, formats=("PNG",)) as image:
            image.verify()
        content.seek(0)


@contextmanager
def open_regular(file: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open a regular file; raises BadPicture for pipes, broken links and empty files."""
    if not isinstance(file, Path):
        yield file
        return
    if file.is_symlink() and not file.exists():
        raise BadPicture("is a broken link")
    if not file.is_file():
        raise BadPicture("is not a regular file")
    if not file.stat().st_size:
        raise BadPicture("is empty")
    with file.open("rb") as content:
        yield content


def describe(error: Exception) -> str:
    """Predicate of a message for an exception of a decoder."""
    if "truncated" in str(error).lower():
        return "is truncated"
    if isinstance(error, PermissionError):
        return "is not readable with your permissions"
    if isinstance(error, UnidentifiedImageError):
        return f"is not in a supported format ({', '.join(FORMATS)})"
    message = " ".join(str(error).split())[:100] or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {LARGEST:,} pixels"
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    return f"is broken ({message})"


def header(image: Image.Image) -> Header:
    """Header of an open image, which is not decoded."""
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
    """Decode the center square of a picture as (3, size, size) in uint8, resized with antialiasing.

    The first frame is used, rotated by its EXIF orientation, with transparent parts on white.
    Raises BadPicture.
    """
    with opened(file) as image:
        properties = header(image)
        image.draft(None, (2 * size, 2 * size))  # JPEG: decode at a reduced resolution
        cropped = fit(upright(image), (size, size), Image.Resampling.BILINEAR)
    return np.asarray(cropped).transpose(2, 0, 1), properties


def upright(image: Image.Image) -> Image.Image:
    """The first frame in RGB, rotated by its EXIF orientation, with transparent parts on white."""
    image.load()  # rotates a TIFF itself, and removes its orientation
    return opaque(rotate(image, orientation(image)))


def alpha(image: Image.Image) -> np.ndarray | None:
    """The opacity (h, w) in uint8 of an image, rotated as by `upright`; None where it is opaque."""
    image.load()
    turned = rotate(image, orientation(image))
    if "A" not in turned.mode.upper() and "transparency" not in turned.info:
        return None
    return np.asarray(turned.convert("RGBA"))[..., 3]


def orientation(image: Image.Image) -> int:
    """EXIF orientation from 1 to 8; 1 if it is missing or invalid."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # pixels are intact if the EXIF block is broken
        return 1


def rotate(image: Image.Image, orientation: int) -> Image.Image:
    """Rotate or flip an image upright by its EXIF orientation."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def opaque(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB.

    Transparent parts are blended with white; gray levels of 16 bits or floats are scaled to 8 bits.
    Raises BadPicture for modes with an unknown range of values.
    """
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(eight_bits(image)).convert("RGB")
    if image.mode in ("LAB", "HSV"):
        raise BadPicture(f"has colors in {image.mode}. Convert it to RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return image.convert("RGB")


def eight_bits(image: Image.Image) -> np.ndarray:
    """Scale gray levels of 16 bits, or floats in [0, 1], to uint8 (h, w).

    Raises BadPicture for values outside that range.
    """
    levels = np.asarray(image)
    low, high = float(levels.min()), float(levels.max())
    top = 1.0 if image.mode == "F" else 65535.0
    if not (low >= 0 and high <= top):
        raise BadPicture(
            f"must have gray levels from 0 to {top:g}, got {low:.4g} to {high:.4g}. Convert it to "
            "8 or 16 bits"
        )
    return (levels.astype(np.float64) * (255 / top)).round().astype(np.uint8)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Suppress Pillow's warnings of large or malformed files; errors are still raised."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
        yield


def workers() -> int:
    """Number of decoding threads; Pillow releases Python's global interpreter lock."""
    return min(8, os.cpu_count() or 1)
