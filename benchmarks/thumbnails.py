"""Thumbnails of the models' first samples, for tables: `python benchmarks/thumbnails.py`.

Reads weights/NAME.png, the first samples with seed 0, and writes the first four of its top row to
docs/thumbnails/NAME.png; of a translator those of the second row, below the inputs. Classifiers
draw no samples, and samples of tables and texts are not pictures: these have no thumbnail.
"""

from pathlib import Path

from PIL import Image, ImageChops

import zoo
from zoo.plotting import shapes
from zoo.pretrained.catalog import HOME

FOLDER = HOME / "docs" / "thumbnails"
SHOWN, SIDE, COLORS = 4, 32, 128  # samples, pixels of each, and colors of all
LEFT_OUT = (
    "bach-bot-jsb-chorales",  # piano rolls are not squares
    "conv-lstm-moving-mnist",  # one clip is as wide as the picture
    "rbm-cd1-binarized-mnist",  # most of its samples are black
    "recurrent-vae-ecg5000",  # charts are not squares
    "timegan-stock-prices",
)
ON_WHITE = {"3d-gan-chairs": shapes.SIDE + 2}  # cells of samples that have no visible border


def has_samples(name: str) -> bool:
    """Whether a model has a picture of samples; that of a classifier shows its filters."""
    classifier = str(zoo.card(name).facts["class"]).startswith("zoo.classifiers.")
    return not classifier and (HOME / "weights" / f"{name}.png").exists()


def cell(grid: Image.Image) -> int:
    """The pixels from the left edge of one sample to that of the next: white borders part them."""
    for x in range(3, grid.width):
        if grid.crop((x - 1, 0, x + 1, grid.height)).convert("L").getextrema() == (255, 255):
            return x - 1
    raise ValueError("the picture must be a grid with white borders")


def thumbnail(grid: Image.Image, step: int, row: int) -> Image.Image:
    """The first samples of a row, `step` pixels apart, each at SIDE x SIDE, or smaller on black."""
    side = step - 2  # without the border
    found = Image.new("RGB", (SHOWN * SIDE, SIDE))
    for i in range(SHOWN):
        left, top = 2 + i * step, 2 + row * step
        sample = grid.crop((left, top, left + side, top + side)).reduce(-(-side // SIDE))
        margin = (SIDE - sample.width) // 2
        found.paste(sample, (i * SIDE + margin, margin))
    return found


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG with a palette, gray where the samples are."""
    gray = image.convert("L")
    same = ImageChops.difference(image, gray.convert("RGB")).getbbox() is None
    small = gray if same else image.quantize(COLORS)
    small.save(path, optimize=True)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = dict[str, Image.Image]()
    for name in sorted({*filter(has_samples, zoo.list_models())} - {*LEFT_OUT}):
        with Image.open(HOME / "weights" / f"{name}.png") as picture:
            grid = picture.convert("RGB")
            row = int(str(zoo.card(name).facts["class"]).startswith("zoo.translation."))
            found[name] = thumbnail(grid, ON_WHITE.get(name) or cell(grid), row)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name, image in found.items():
        save(image, FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
