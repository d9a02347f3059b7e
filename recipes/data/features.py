"""Features of real images: extracted once, then kept beside the data."""

from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from recipes.data.images import ImageData, Split
from zoo.files import replacing
from zoo.metrics.extractors import Extractor

CHUNK = 250


def extract(extractor: Extractor, pixels: Tensor, title: str) -> Tensor:
    """Features (n, d) in float64 of images (n, channels, h, w) in uint8, on the extractor's device,
    with a progress bar."""
    place = next((tensor.device for tensor in extractor.state_dict().values()), pixels.device)
    bar = tqdm(pixels.split(CHUNK), title, leave=False, disable=None)
    return torch.cat([extractor(chunk.to(place)) for chunk in bar])


def real_features(extractor: Extractor, data: ImageData, split: Split, n: int) -> Tensor:
    """Features (n, d) of the first n images of a split, or of as many as there are.

    They are kept in the data's folder `statistics`, named by the digests of images and
    extractor; where that folder cannot be written, they are extracted each time.
    """
    digests = data.digest(split)[:16], extractor.sha256()[:16]
    folder, name = data.statistics, f"features-{'-'.join(digests)}"
    kept = [int(path.stem.rpartition("-")[2]) for path in folder.glob(f"{name}-*.safetensors")]
    if enough := [count for count in kept if count >= n]:
        return load_file(folder / f"{name}-{min(enough)}.safetensors")["features"][:n]
    features = extract(extractor, data.images(split).pixels[:n], f"{split} images")
    keep({"features": features}, folder / f"{name}-{n}.safetensors")
    return features


def keep(tensors: dict[str, Tensor], path: Path) -> None:
    """Write what took long to compute; nothing happens in a folder that is not ours to write."""
    with suppress(OSError, SafetensorError), replacing(path) as beside:
        save_file(tensors, beside)
