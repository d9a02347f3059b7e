"""Features of real images: extracted once, then kept beside the data."""

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
    place = next((tensor.device for tensor in extractor.state_dict().values()), pixels.device)
    bar = tqdm(pixels.split(CHUNK), title, leave=False, disable=None)
    return torch.cat([extractor(chunk.to(place)) for chunk in bar])


def real_features(extractor: Extractor, data: ZooDataModule, split: Split, n: int) -> Tensor:
    """Features (n, d) of the first n images of a split, or of as many as there are.

    They are kept in the data's folder `statistics`, named by the digests of images and
    extractor; where that folder cannot be written, they are extracted each time.
    """
    digests = data.digest(split)[:16], extractor.sha256()[:16]
    folder, name = data.statistics, f"features-{'-'.join(digests)}"
    pixels = data.examples(split).values[:n]
    for path in sorted(folder.glob(f"{name}-*.safetensors")):
        if (found := kept_before(path)) is not None and len(found) >= len(pixels):
            return found[:n]
    features = extract(extractor, pixels, f"{split} images")
    keep({"features": features}, folder / f"{name}-{n}.safetensors")
    return features


def kept_before(path: Path) -> Tensor | None:
    """Features (n, d) from a file; None where it is damaged, and they are extracted again."""
    try:
        found = load_file(path)["features"]
    except (*DAMAGE, SafetensorError):
        return None
    is_whole = found.ndim == 2 and found.dtype == torch.float64 and bool(found.isfinite().all())
    return found if is_whole else None


def keep(tensors: dict[str, Tensor], path: Path) -> None:
    """Write what took long to compute; nothing happens in a folder that is not ours to write."""
    with suppress(OSError, SafetensorError), atomic_write(path) as beside:
        save_file(tensors, beside)
