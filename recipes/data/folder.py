"""People's own pictures."""

from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from PIL.ImageOps import exif_transpose, fit
from torchvision.datasets.folder import IMG_EXTENSIONS
from tqdm import tqdm

from recipes.data.images import ImageData, Images, Source, Split, every_tenth
from zoo.errors import BadRecipe, MissingData


class ImageFolder(ImageData):
    """Every picture below `root`, its centre square antialiased to (3, size, size).

    The label is the folder, by number, in the order of the alphabet. Every tenth picture is held
    out for the test split. Raises MissingData without pictures, BadRecipe for a broken one.
    """

    source = Source("your own pictures", "your own disk", "yours", "yours to decide")
    usual_size = 64
    extractor = "squeezenet"
    reference = "train"

    def read(self, split: Split) -> Images:
        pixels, labels = self.everything
        chosen = every_tenth(len(pixels), split)
        return Images(pixels[chosen], labels[chosen])

    @cached_property
    def everything(self) -> Images:
        """Both splits, every picture decoded once."""
        found = sorted(p for p in self.root.rglob("*") if p.suffix.lower() in IMG_EXTENSIONS)
        if not found:
            raise MissingData(
                f"there are no images below {self.root.absolute()}: name your folder of pictures "
                f"({', '.join(IMG_EXTENSIONS)}) with --data.init_args.root"
            )
        folders = sorted({path.parent for path in found})
        pixels = np.empty((len(found), 3, self.size, self.size), np.uint8)
        for i, path in enumerate(tqdm(found, "decoding pictures", leave=False, disable=None)):
            pixels[i] = cut(path, self.size, str(path))
        labels = torch.tensor([folders.index(path.parent) for path in found])
        return Images(torch.from_numpy(pixels), labels)


def cut(file: Path | IO[bytes], size: int, name: str) -> np.ndarray:
    """A picture's centre square (3, size, size), the way up that its camera was held."""
    try:
        with Image.open(file) as image:
            upright = exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise BadRecipe(f"{name} is not an image that can be read: {error}") from error
    square = fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(square).transpose(2, 0, 1)
