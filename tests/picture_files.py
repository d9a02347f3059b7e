"""Picture files of many formats, shared by several tests."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data import ImageFolder, Shards

KINDS = [ImageFolder, Shards]


GRAY = 200


def halves(mode: str = "RGB", size: int = 16) -> Image.Image:
    """Gray above, black below."""
    image = Image.new("RGB", (size, size), (GRAY,) * 3)
    image.paste((0, 0, 0), (0, size // 2, size, size))
    return image.convert(mode)


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


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
