"""`zoo evaluate`: what a weights file measures, each number with its protocol."""

from collections.abc import Iterator
from pathlib import Path

import torch
import yaml
from torch import Tensor
from tqdm import tqdm

import recipes.data
from recipes.data.images import ImageData, Images, normalise
from zoo import catalog
from zoo.contracts import Animal, Bounded, Classifier, Reconstructor, Sampler
from zoo.errors import UnknownName, ZooError
from zoo.extractors import load_extractor, metric_name
from zoo.metrics.frechet import FrechetDistance
from zoo.pictures import to_uint8
from zoo.weights import read

Record = dict[str, str | int | float]
LARGEST_SIDE = 10_000  # images on each side of a distance
CHUNK = 250


def data_of(recipe: str) -> ImageData:
    """The data set that a recipe trains on; raises UnknownName."""
    settings = yaml.safe_load(catalog.recipe(recipe).read_text(encoding="utf-8"))["data"]
    name = settings["class_path"].rpartition(".")[2]
    if name not in recipes.data.__all__:
        raise UnknownName("data set", name, recipes.data.__all__)
    return getattr(recipes.data, name)(**settings.get("init_args", {}))


def evaluate(path: Path, data: ImageData, seed: int = 0) -> list[Record]:
    """Every metric that the model in a weights file can be measured by, headline first."""
    model = read(path)
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        records = list(measure(model, data, seed))
    finally:
        torch.set_rng_state(state)
    if not records:
        raise ZooError(f"{type(model).__name__} neither samples, nor reconstructs, nor classifies")
    return records


def measure(model: Animal, data: ImageData, seed: int) -> Iterator[Record]:
    """A record for each thing that the model can do."""
    if isinstance(model, Classifier):
        yield accuracy(model, data.images("test"))
    if isinstance(model, Sampler):
        yield distance(model, data, seed)
    if isinstance(model, Bounded):
        yield evidence(model, data.images("test"), seed)
    if isinstance(model, Reconstructor):
        yield reconstruction_error(model, data.images("test"))


def accuracy(model: Classifier, images: Images) -> Record:
    """The share of the test split that is told right."""
    pairs = zip(images.pixels.split(CHUNK), images.labels.split(CHUNK), strict=True)
    right = sum(int((model.classify(normalise(x)).argmax(1) == y).sum()) for x, y in pairs)
    count = len(images.pixels)
    return {"metric": "accuracy", "value": right / count, "split": "test", "real": count}


def distance(model: Sampler, data: ImageData, seed: int) -> Record:
    """The Frechet distance in the space that the data set names."""
    extractor = load_extractor(data.extractor)
    metric = FrechetDistance(extractor)
    real = data.images(data.reference).pixels[:LARGEST_SIDE]
    fake = to_uint8(model.sample(len(real), seed))
    for pixels, is_real in (real, True), (fake, False):
        side = "real images" if is_real else "samples"
        for chunk in tqdm(pixels.split(CHUNK), side, leave=False, disable=None):
            metric.update(chunk, real=is_real)
    return {
        "metric": metric_name(data.extractor),
        "value": rounded(metric.compute()),
        "split": data.reference,
        "real": len(real),
        "fake": len(fake),
        "seed": seed,
        "extractor": data.extractor,
        "extractor_sha256": extractor.sha256(),
    }


@torch.no_grad()
def evidence(model: Bounded, images: Images, seed: int) -> Record:
    """The evidence lower bound of the test split, one sample of z an image."""
    terms = [model.bound(normalise(x)) for x in images.pixels.split(CHUNK)]
    bound = torch.cat([likelihood - divergence for likelihood, divergence in terms]).double()
    unit = "nats per image"
    return {
        "metric": "elbo",
        "value": rounded(bound.mean()),
        "unit": unit,
        **protocol(images, seed),
    }


def reconstruction_error(model: Reconstructor, images: Images) -> Record:
    """The mean squared error of a pixel in [0, 1], on the test split."""
    errors = [
        (model.reconstruct(x) - x).div(2).square().flatten(1).mean(1)
        for x in map(normalise, images.pixels.split(CHUNK))
    ]
    mean = torch.cat(errors).double().mean()
    unit = "squared error of a pixel in [0, 1]"
    return {"metric": "mse", "value": rounded(mean), "unit": unit, **protocol(images)}


def protocol(images: Images, seed: int | None = None) -> Record:
    """The protocol of a mean over the test split."""
    record: Record = {"split": "test", "real": len(images.pixels)}
    return record if seed is None else record | {"seed": seed}


def rounded(value: Tensor) -> float:
    """Six significant digits: what repeats from one machine to the next."""
    return float(f"{float(value):.6g}")


def table(records: list[Record]) -> str:
    """Records for people, a line each."""
    lines = []
    for record in records:
        settings = [f"{key} {value}" for key, value in record.items() if key not in SHOWN]
        lines.append(f"{record['metric']:<14} {record['value']:<12} {', '.join(settings)}")
    return "\n".join(lines)


SHOWN = {"metric", "value", "extractor_sha256"}
