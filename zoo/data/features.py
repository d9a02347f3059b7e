"""Features of real images: extracted once, then cached beside the data."""

from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from zoo.data.arrays import Split
from zoo.data.module import ZooDataModule
from zoo.decoding import DAMAGE
from zoo.files import atomic_write
from zoo.metrics.extractors import Extractor

CHUNK = 250


def extract(extractor: Extractor, pixels: Tensor, title: str) -> Tensor:
    """Features (n, d) in float64 of images (n, channels, h, w) in uint8, on the extractor's device,
    with a progress bar."""
    device = next((tensor.device for tensor in extractor.state_dict().values()), pixels.device)
    bar = tqdm(pixels.split(CHUNK), title, leave=False, disable=None)
    return torch.cat([extractor(chunk.to(device)) for chunk in bar])


def real_features(extractor: Extractor, data: ZooDataModule, split: Split, n: int) -> Tensor:
    """Features (n, d) in float64 of the first n images of a split, or of all if there are fewer.

    They are cached in the folder `data.statistics` by the digests of the images and the extractor.
    Without write access to that folder they are extracted at each call.
    """
    digests = data.digest(split)[:16], extractor.sha256()[:16]
    folder, name = data.statistics, f"features-{'-'.join(digests)}"
    pixels = data.examples(split).values[:n]
    for path in sorted(folder.glob(f"{name}-*.safetensors")):
        if (cached := load_features(path)) is not None and len(cached) >= len(pixels):
            return cached[:n]
    features = extract(extractor, pixels, f"{split} images")
    save_features(features, folder / f"{name}-{n}.safetensors")
    return features


def load_features(path: Path) -> Tensor | None:
    """Features (n, d) in float64 from a file; None where the file is damaged."""
    try:
        features = load_file(path)["features"]
    except (*DAMAGE, SafetensorError):
        return None
    is_matrix = features.ndim == 2 and features.dtype == torch.float64
    return features if is_matrix and bool(features.isfinite().all()) else None


def save_features(features: Tensor, path: Path) -> None:
    """Write features (n, d) into a file, unless its folder is read-only."""
    with suppress(OSError, SafetensorError), atomic_write(path) as temporary:
        save_file({"features": features}, temporary)
