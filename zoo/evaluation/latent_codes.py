"""What is kept of an image in its code, and what can be read off it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.core.module import ZooModule
from zoo.core.protocols import (
    Clusterer,
    Denoiser,
    HasSparseCode,
    Quantizes,
    SupportsEncoding,
    SupportsReconstruction,
)
from zoo.data.images import Images
from zoo.evaluation.records import Record, map_batches, mean, rounded, skip_if_not_measurable
from zoo.losses.reconstruction import pixel_error
from zoo.metrics.bounds import active_units, perplexity
from zoo.metrics.codes import anomaly_auroc, clustering_accuracy, linear_probe, nearest_neighbours

MSE = "squared error of a pixel in [0, 1]"


def errors(model: ZooModule, images: Images) -> Tensor:
    """The mean squared error of each reconstruction (n,), pixels being in [0, 1]."""
    assert isinstance(model, SupportsReconstruction)

    def error(x: Tensor) -> Tensor:
        return pixel_error(model.reconstruct(x), x)

    return map_batches(model, images.pixels, error, "reconstructions")


def reconstruction_error(model: ZooModule, images: Images) -> Record:
    """On the test split."""
    return mean("mse", errors(model, images), MSE)


def denoising_error(model: ZooModule, images: Images) -> Record:
    """What is left of the error of spoiled images, on the test split; `shown` was there before."""
    assert isinstance(model, Denoiser)

    def both(x: Tensor) -> Tensor:
        spoiled = model.corrupt(x)
        pair = model.reconstruct(spoiled), spoiled
        return torch.stack([pixel_error(images, x) for images in pair], dim=1)

    left, shown = map_batches(model, images.pixels, both, "denoising").unbind(1)
    return mean("mse-denoised", left, MSE) | {"shown": rounded(shown.double().mean())}


def activity(model: ZooModule, images: Images) -> Record:
    """How much of a code is on, on the test split."""
    assert isinstance(model, HasSparseCode)
    found = map_batches(model, images.pixels, model.activity, "activity")
    return mean("activity", found, "share of the code that is on")


def anomaly_detection(model: ZooModule, images: Images, held_out: int) -> Record:
    """How well the error of a reconstruction tells the class that training went without."""
    found = anomaly_auroc(errors(model, images), images.labels, held_out)
    record: Record = {"metric": "anomaly-auroc", "value": rounded(found), "held_out": held_out}
    return record | {"split": "test", "real": len(images.labels)}


def clusters(model: ZooModule, images: Images) -> Record:
    """How well categories that nobody named match the classes of the test split."""
    assert isinstance(model, Clusterer)
    found = map_batches(model, images.pixels, model.predict_category, "categories")
    value = rounded(clustering_accuracy(found, images.labels))
    return {
        "metric": "clustering-accuracy",
        "value": value,
        "split": "test",
        "real": len(found),
    }


def codebook_metrics(model: ZooModule, images: Images) -> Iterator[Record]:
    """The share of entries that the test split needs, and how many it amounts to."""
    assert isinstance(model, Quantizes)
    found = map_batches(model, images.pixels, model.encode_indices, "codes")
    counts = found.flatten().bincount(minlength=model.codebook_entries())
    shared: Record = {"entries": len(counts), "split": "test", "real": len(images.pixels)}
    usage = (counts > 0).double().mean()
    yield {"metric": "codebook-usage", "value": rounded(usage), **shared}
    yield {"metric": "codebook-perplexity", "value": rounded(perplexity(counts)), **shared}


def code_metrics(model: ZooModule, train: Images, test: Images) -> Iterator[Record]:
    """How much a linear classifier and the nearest neighbours read off the codes."""
    assert isinstance(model, SupportsEncoding)
    codes, others = (
        map_batches(model, side.pixels, model.encode, "codes").flatten(1).double()
        for side in (train, test)
    )
    shared: Record = {"split": "test", "real": len(others)}
    with skip_if_not_measurable("active-units"):
        yield {"metric": "active-units", "value": rounded(active_units(others)), **shared}
    for n in sorted({n for n in (100, 1000, len(codes)) if n <= len(codes)}):
        with skip_if_not_measurable(metric := f"linear-probe-{n}"):
            read = linear_probe(codes, train.labels, others, test.labels, n)
            chosen: Record = {"labels": n, "seed": 0}
            yield {"metric": metric, "value": rounded(read), **shared, **chosen}
    with skip_if_not_measurable(metric := "k-nearest-neighbours"):
        near = nearest_neighbours(codes, train.labels, others, test.labels)
        yield {"metric": metric, "value": rounded(near), **shared, "labels": len(codes)}
