"""`zoo evaluate`: what a weights file measures, each number with its protocol."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
import yaml
from lightning.pytorch.cli import instantiate_module
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from recipes.data import ImageData
from recipes.data.images import Images, normalise
from zoo import catalog
from zoo.contracts import Animal, Classifier, LatentVariableModel, Reconstructor, Sampler
from zoo.errors import BadRecipe, ZooError
from zoo.extractors import load_extractor
from zoo.metrics.frechet import FrechetDistance
from zoo.pictures import to_uint8
from zoo.weights import sha256

Record = dict[str, str | int | float]
LARGEST_SIDE = 10_000  # images on each side of a distance
CHUNK = 250


def evaluate(path: Path, data: ImageData, seed: int = 0) -> list[Record]:
    """Every metric that the model in this weights file can be measured by, headline first."""
    from zoo.weights import read

    model = read(path)
    with isolate_rng():
        torch.manual_seed(seed)
        records = list(measure(model, data, seed))
    if not records:
        raise ZooError(f"{type(model).__name__} neither samples, nor reconstructs, nor classifies")
    return [record | {"weights_sha256": sha256(path)} for record in records]


def measure(model: Animal, data: ImageData, seed: int) -> Iterator[Record]:
    """A record for each thing that the model can do."""
    if isinstance(model, Classifier):
        yield accuracy(model, data.images("test"))
    if isinstance(model, Sampler):
        yield distance(model, data, seed)
    if isinstance(model, Reconstructor):
        yield reconstruction_error(model, data.images("test"))
    if hasattr(model, "bound"):
        yield evidence(model, data.images("test"), seed)


def accuracy(model: Classifier, images: Images) -> Record:
    """The share of the test split that is told right."""
    right = sum(
        int((model.classify(normalise(x)).argmax(1) == y).sum())
        for x, y in zip(images.pixels.split(CHUNK), images.labels.split(CHUNK), strict=True)
    )
    count = len(images.pixels)
    return {"metric": "accuracy", "value": right / count, "split": "test", "real": count}


def distance(model: Sampler, data: ImageData, seed: int) -> Record:
    """The Frechet distance in the space that the data set names."""
    extractor = load_extractor(data.extractor, data)
    metric = FrechetDistance(extractor)
    real = data.images(data.reference).pixels[:LARGEST_SIDE]
    fake = to_uint8(model.sample(len(real), seed))
    for pixels, is_real in (real, True), (fake, False):
        for chunk in pixels.split(CHUNK):
            metric.update(chunk, real=is_real)
    return {
        "metric": extractor_metric(data.extractor),
        "value": round(float(metric.compute()), 4),
        "split": data.reference,
        "real": len(real),
        "fake": len(fake),
        "seed": seed,
        "resize": f"{data.size} pixels, none" if data.extractor != "squeezenet" else "224, bilinear",
        "extractor": data.extractor,
        "extractor_sha256": extractor.sha256(),
    }


def extractor_metric(extractor: str) -> str:
    """`fid` in TF-Inception's space alone; elsewhere `fd-` and the first word of the space."""
    return "fid" if extractor == "inception" else f"fd-{extractor.split('-')[0]}"
