"""From what a model can do to what is measured of it, headline first."""

from collections.abc import Iterator

import torch

from zoo.checks import mismatch
from zoo.core.module import Animal
from zoo.core.protocols import (
    Bounded,
    Classifier,
    Denoiser,
    Encoder,
    Quantised,
    Reconstructor,
    Sampler,
    Sorter,
    Sparse,
)
from zoo.data.images import ImageData, Images
from zoo.errors import ZooError
from zoo.evaluation.latent_codes import (
    activity,
    anomalies,
    clusters,
    denoising_error,
    of_codebook,
    of_codes,
    reconstruction_error,
)
from zoo.evaluation.likelihood import is_density, of_evidence
from zoo.evaluation.records import Protocol, Record, each, first, left_out, mean
from zoo.evaluation.samples import of_samples


def measure(model: Animal, data: ImageData, protocol: Protocol) -> Iterator[Record]:
    """A record for each thing that the model can do; raises ZooError for a model of other images
    than the data's, UnknownName and MissingData for the extractor."""
    check(model, data)
    for record in abilities(model, data, protocol):
        front = {"metric": record["metric"], "value": record["value"], "data": data.source.title}
        yield front | record


def abilities(model: Animal, data: ImageData, protocol: Protocol) -> Iterator[Record]:
    test = first(data.images("test"), protocol.images)
    if isinstance(model, Classifier):
        yield accuracy(model, test)
    if isinstance(model, Bounded) and not is_density(model):  # what papers report of such pixels
        yield from of_evidence(model, test, protocol)
    if isinstance(model, Sampler):
        yield from of_samples(model, data, protocol)
    if isinstance(model, Bounded) and is_density(model):
        yield from of_evidence(model, test, protocol)
    if isinstance(model, Reconstructor):
        yield reconstruction_error(model, test)
        if data.without is not None:
            with left_out("anomaly-auroc"):
                yield anomalies(model, data.images("test"), data.without)
    if isinstance(model, Denoiser):
        yield denoising_error(model, test)
    if isinstance(model, Sparse):
        yield activity(model, test)
    if isinstance(model, Quantised):
        yield from of_codebook(model, test)
    if isinstance(model, Sorter) and test.labels.ndim == 1:
        yield clusters(model, test)
    if isinstance(model, Encoder) and test.labels.ndim == 1:
        yield from of_codes(model, first(data.images("train"), protocol.images), test)


def check(model: Animal, data: ImageData) -> None:
    """Refuse to measure a model on images of another size."""
    ours = data.channels, data.size, data.size
    if found := mismatch(model.image_shapes, ours):
        name, there, here = found
        raise ZooError(
            f"the model has {name} {there}, {data.source.title} {here}: measure it on the data "
            "that it was trained on, by --recipe"
        )


def accuracy(model: Animal, images: Images) -> Record:
    """The share of the test split that is told right."""
    assert isinstance(model, Classifier)
    found = each(model, images.pixels, lambda x: model.classify(x).argmax(1), "accuracy")
    return mean("accuracy", torch.eq(found, images.labels))
