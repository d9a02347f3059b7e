"""From what a model can do to what is measured of it, headline first."""

from collections.abc import Iterator

import torch

from zoo.checks import mismatch
from zoo.core.module import ZooModule
from zoo.core.protocols import (
    Classifier,
    Clusterer,
    Denoiser,
    HasSparseCode,
    Quantizes,
    SupportsELBO,
    SupportsEncoding,
    SupportsReconstruction,
    SupportsSampling,
)
from zoo.data.images import ImageDataModule, Images
from zoo.errors import ZooError
from zoo.evaluation.latent_codes import (
    activity,
    anomaly_detection,
    clusters,
    code_metrics,
    codebook_metrics,
    denoising_error,
    reconstruction_error,
)
from zoo.evaluation.likelihood import is_density, likelihood_metrics
from zoo.evaluation.records import Protocol, Record, map_batches, mean, skip_if_not_measurable, take
from zoo.evaluation.samples import sample_metrics


def measure(model: ZooModule, data: ImageDataModule, protocol: Protocol) -> Iterator[Record]:
    """A record for each thing that the model can do; raises ZooError for a model of other images
    than the data's, UnknownName and MissingData for the extractor."""
    check(model, data)
    for record in applicable_metrics(model, data, protocol):
        front = {"metric": record["metric"], "value": record["value"], "data": data.source.title}
        yield front | record


def applicable_metrics(
    model: ZooModule, data: ImageDataModule, protocol: Protocol
) -> Iterator[Record]:
    test = take(data.images("test"), protocol.images)
    if isinstance(model, Classifier):
        yield accuracy(model, test)
    if isinstance(model, SupportsELBO) and not is_density(
        model
    ):  # what papers report of such pixels
        yield from likelihood_metrics(model, test, protocol)
    if isinstance(model, SupportsSampling):
        yield from sample_metrics(model, data, protocol)
    if isinstance(model, SupportsELBO) and is_density(model):
        yield from likelihood_metrics(model, test, protocol)
    if isinstance(model, SupportsReconstruction):
        yield reconstruction_error(model, test)
        if data.exclude_class is not None:
            with skip_if_not_measurable("anomaly-auroc"):
                yield anomaly_detection(model, data.images("test"), data.exclude_class)
    if isinstance(model, Denoiser):
        yield denoising_error(model, test)
    if isinstance(model, HasSparseCode):
        yield activity(model, test)
    if isinstance(model, Quantizes):
        yield from codebook_metrics(model, test)
    if isinstance(model, Clusterer) and test.labels.ndim == 1:
        yield clusters(model, test)
    if isinstance(model, SupportsEncoding) and test.labels.ndim == 1:
        yield from code_metrics(model, take(data.images("train"), protocol.images), test)


def check(model: ZooModule, data: ImageDataModule) -> None:
    """Refuse to measure a model on images of another size."""
    ours = data.channels, data.size, data.size
    if found := mismatch(model.image_shapes, ours):
        name, there, here = found
        raise ZooError(
            f"the model has {name} {there}, {data.source.title} {here}: measure it on the data "
            "that it was trained on, by --recipe"
        )


def accuracy(model: ZooModule, images: Images) -> Record:
    """The share of the test split that is told right."""
    assert isinstance(model, Classifier)
    found = map_batches(model, images.pixels, lambda x: model.classify(x).argmax(1), "accuracy")
    return mean("accuracy", torch.eq(found, images.labels))
