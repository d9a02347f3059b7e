"""Features of real images: extracted once, then kept beside the data."""

import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from recipes.data.images import ImageData, Split
from zoo.metrics.extractors import Extractor

CHUNK = 250


def extract(extractor: Extractor, pixels: Tensor, title: str) -> Tensor:
    """Features (n, d) in float64 of images (n, channels, h, w) in uint8, with a progress bar."""
    bar = tqdm(pixels.split(CHUNK), title, leave=False, disable=None)
    return torch.cat([extractor(chunk) for chunk in bar])


def real_features(extractor: Extractor, data: ImageData, split: Split, n: int) -> Tensor:
    """Features (n, d) of the first n images of a split, or of as many as there are.

    They are kept in `statistics/` below the data's root, named by the digests of images and
    extractor; where that folder cannot be written, they are extracted each time.
    """
    digests = data.digest(split)[:16], extractor.sha256()[:16]
    path = data.root / "statistics" / f"features-{'-'.join(digests)}-{n}.safetensors"
    if path.exists():
        return load_file(path)["features"]
    features = extract(extractor, data.images(split).pixels[:n], f"{split} images")
    keep(features, path)
    return features


def keep(features: Tensor, path: Path) -> None:
    """Write beside the target first, then rename: no run reads half a file."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"features": features}, beside)
        os.replace(beside, path)
    except OSError:  # a folder that others own
        return
