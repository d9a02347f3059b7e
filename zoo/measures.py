"""What a model is measured by, ability by ability; each number comes with its protocol."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from recipes.data.features import CHUNK, encoded, extract, real_features
from recipes.data.images import ImageData, Images, Split, normalise
from zoo import catalog
from zoo.contracts import Animal, Bounded, Classifier, Encoder, Reconstructor, Sampler
from zoo.errors import ZooError
from zoo.extractors import load_extractor, metric_name
from zoo.metrics.bounds import active_units
from zoo.metrics.codes import linear_probe, nearest_neighbours
from zoo.metrics.extractors import Extractor
from zoo.metrics.extrapolation import frechet_infinity, statistics
from zoo.metrics.frechet import frechet_distance
from zoo.metrics.kernel import kernel_distance
from zoo.metrics.manifold import density_coverage, precision_recall
from zoo.metrics.memorisation import memorisation
from zoo.metrics.modes import count_modes
from zoo.pictures import to_uint8

Record = dict[str, str | int | float]


class Protocol(NamedTuple):
    """At most so many images on each side, and samples from so many seeds."""

    name: str
    images: int
    seeds: int


PROTOCOLS = {"quick": Protocol("quick", 2_000, 1), "full": Protocol("full", 10_000, 3)}


def measure(model: Animal, data: ImageData, protocol: Protocol) -> Iterator[Record]:
    """A record for each thing that the model can do, headline first; raises ZooError for a model
    of other images than the data's."""
    check(model, data)
    for record in abilities(model, data, protocol):
        yield {
            "metric": record["metric"],
            "value": record["value"],
            "data": data.source.title,
        } | record


def abilities(model: Animal, data: ImageData, protocol: Protocol) -> Iterator[Record]:
    test = first(data.images("test"), protocol.images)
    if isinstance(model, Classifier):
        yield accuracy(model, test)
    if isinstance(model, Sampler):
        yield from of_samples(model, data, protocol)
    if isinstance(model, Bounded):
        yield evidence(model, test)
    if isinstance(model, Reconstructor):
        yield reconstruction_error(model, test)
    if isinstance(model, Encoder) and test.labels.ndim == 1:
        yield from of_codes(model, first(data.images("train"), protocol.images), test)


def check(model: Animal, data: ImageData) -> None:
    """Refuse to measure a model on images of another size."""
    for name in ("size", "channels"):
        theirs, ours = model.hparams.get(name), getattr(data, name)
        if theirs not in (None, ours):
            raise ZooError(
                f"the model has {name} {theirs}, {data.source.title} {ours}: measure it on the "
                "data that it was trained on, by --recipe"
            )


def first(images: Images, n: int) -> Images:
    return Images(images.pixels[:n], images.labels[:n])


def accuracy(model: Classifier, images: Images) -> Record:
    """The share of the test split that is told right."""
    pairs = zip(images.pixels.split(CHUNK), images.labels.split(CHUNK), strict=True)
    right = [model.classify(normalise(x)).argmax(1) == y for x, y in pairs]
    return mean("accuracy", torch.cat(right))


def of_samples(model: Sampler, data: ImageData, protocol: Protocol) -> Iterator[Record]:
    """Distances, coverage, memorisation and modes: the mean over seeds, and their spread."""
    extractor = load_extractor(data.extractor)
    splits: tuple[Split, ...] = ("train", "test")
    sides = {split: real_features(extractor, data, split, protocol.images) for split in splits}
    real = sides[data.reference]
    runs = [
        compared(extractor, data, sides, to_uint8(model.sample(len(real), seed)), protocol)
        for seed in range(protocol.seeds)
    ]
    shared: Record = {"split": data.reference, "real": len(real), "fake": len(real)}
    shared |= {"seeds": protocol.seeds, "resize": extractor.resize}
    shared |= {"extractor": data.extractor, "extractor_sha256": extractor.sha256()}
    for name in runs[0]:
        values = torch.tensor([run[name] for run in runs], dtype=torch.float64)
        spread: Record = {"spread": rounded(values.std())} if len(runs) > 1 else {}
        yield {"metric": name, "value": rounded(values.mean()), **spread, **shared}


def compared(
    extractor: Extractor,
    data: ImageData,
    sides: dict[Split, Tensor],
    pixels: Tensor,
    protocol: Protocol,
) -> dict[str, float]:
    """Every metric of one draw of samples (n, channels, h, w) in uint8."""
    real, fake = sides[data.reference], extract(extractor, pixels, "samples")
    space = data.extractor.partition("-")[0]
    values = {
        metric_name(data.extractor): float(frechet_distance(*statistics(real), *statistics(fake))),
        f"kd-{space}": float(kernel_distance(real, fake)),
    }
    values |= {f"{k}-{space}": v for k, v in precision_recall(real, fake)._asdict().items()}
    values |= {f"{k}-{space}": v for k, v in density_coverage(real, fake)._asdict().items()}
    if protocol.name == "full":
        values[f"fd-infinity-{space}"] = float(frechet_infinity(real, fake))
    values[f"memorised-{space}"] = memorisation(fake, sides["train"], sides["test"]).share
    if data.extractor in catalog.names("lenet-*"):
        modes = count_modes(logits(data.extractor, pixels))
        values |= {"missing-classes": float(modes.missing), "class-entropy": modes.entropy}
    return values


def logits(classifier: str, pixels: Tensor) -> Tensor:
    """What a classifier of the zoo says of images (n, channels, h, w) in uint8."""
    model = catalog.load(classifier)
    assert isinstance(model, Classifier)
    return torch.cat([model.classify(normalise(chunk)) for chunk in pixels.split(CHUNK)])


@torch.no_grad()
def evidence(model: Bounded, images: Images) -> Record:
    """The evidence lower bound of the test split, one sample of z an image."""
    chunks = tqdm(images.pixels.split(CHUNK), "bound", leave=False, disable=None)
    terms = [model.bound(normalise(x)) for x in chunks]
    bound = torch.cat([likelihood - divergence for likelihood, divergence in terms])
    return mean("elbo", bound, "nats per image")


def reconstruction_error(model: Reconstructor, images: Images) -> Record:
    """The mean squared error of a pixel in [0, 1], on the test split."""
    errors = [
        (model.reconstruct(x) - x).div(2).square().flatten(1).mean(1)
        for x in map(normalise, images.pixels.split(CHUNK))
    ]
    return mean("mse", torch.cat(errors), "squared error of a pixel in [0, 1]")


def of_codes(model: Encoder, train: Images, test: Images) -> Iterator[Record]:
    """How much a linear classifier and the nearest neighbours read off the codes."""
    codes, others = (encoded(model, side.pixels).double() for side in (train, test))
    share = rounded(torch.tensor(active_units(others)))
    yield {"metric": "active-units", "value": share, "split": "test", "real": len(others)}
    for n in sorted({n for n in (100, 1000, len(codes)) if n <= len(codes)}):
        settings: Record = {"split": "test", "real": len(others), "labels": n, "seed": 0}
        probe = linear_probe(codes, train.labels, others, test.labels, n)
        yield {"metric": f"linear-probe-{n}", "value": rounded(torch.tensor(probe)), **settings}
    near = nearest_neighbours(codes, train.labels, others, test.labels)
    settings = {"split": "test", "real": len(others), "labels": len(codes)}
    yield {"metric": "k-nearest-neighbours", "value": rounded(torch.tensor(near)), **settings}


def mean(metric: str, values: Tensor, unit: str = "") -> Record:
    """A mean over the images of the test split, with its standard error."""
    values = values.double()
    error = rounded(values.std() / len(values) ** 0.5)
    record: Record = {"metric": metric, "value": rounded(values.mean()), "standard_error": error}
    return record | ({"unit": unit} if unit else {}) | {"split": "test", "real": len(values)}


def rounded(value: Tensor) -> float:
    """Six significant digits: what repeats from one machine to the next."""
    return float(f"{float(value):.6g}")
