"""Metrics of reconstructions and of codes: how much of an image they keep."""

from collections.abc import Iterator

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.protocols import (
    Clusterer,
    Denoiser,
    HasSparseCode,
    Quantizes,
    SupportsEncoding,
    SupportsReconstruction,
)
from zoo.data.arrays import Examples
from zoo.data.images import ImageDataModule
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import (
    Protocol,
    Record,
    map_batches,
    mean,
    rounded,
    skip_if_not_measurable,
    take,
)
from zoo.losses.reconstruction import pixel_error
from zoo.metrics.bounds import active_units, perplexity
from zoo.metrics.codes import anomaly_auroc, clustering_accuracy, linear_probe, nearest_neighbors

MSE = "squared error of a pixel in [0, 1]"


def reconstruction_errors(model: LightningModule, images: Examples) -> Tensor:
    """The mean squared error of each reconstruction, of pixels in [0, 1]: (n,)."""
    assert isinstance(model, SupportsReconstruction)
    reconstruct = model.reconstruct
    return map_batches(
        model, images.values, lambda x: pixel_error(reconstruct(x), x), "reconstructions"
    )


def reconstruction_error(model: LightningModule, images: Examples) -> Record:
    """The mean squared error of reconstructions."""
    return mean("mse", reconstruction_errors(model, images), MSE)


def denoising_error(model: LightningModule, images: Examples) -> Record:
    """The mean squared error of denoised images; `shown` is that of the corrupted ones."""
    assert isinstance(model, Denoiser)
    corrupt, reconstruct = model.corrupt, model.reconstruct

    def both(x: Tensor) -> Tensor:
        corrupted = corrupt(x)
        pair = reconstruct(corrupted), corrupted
        return torch.stack([pixel_error(images, x) for images in pair], dim=1)

    denoised, shown = map_batches(model, images.values, both, "denoising").unbind(1)
    return mean("mse-denoised", denoised, MSE) | {"shown": rounded(shown.double().mean())}


def activity(model: LightningModule, images: Examples) -> Record:
    """The mean share of active units of a sparse code."""
    assert isinstance(model, HasSparseCode)
    shares = map_batches(model, images.values, model.activity, "activity")
    return mean("activity", shares, "share of the code that is on")


def anomaly_detection(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The AUROC with which the reconstruction error detects the class that was excluded from
    training."""
    excluded = data.exclude_class if isinstance(data, ImageDataModule) else None
    if excluded is None:
        return
    images = data.examples("test")
    with skip_if_not_measurable("anomaly-auroc"):
        errors = reconstruction_errors(model, images)
        auroc = rounded(anomaly_auroc(errors, images.labels, excluded))
        record: Record = {"metric": "anomaly-auroc", "value": auroc, "held_out": excluded}
        yield record | {"split": "test", "real": len(images.labels)}


def clusters(model: LightningModule, data: ZooDataModule, protocol: Protocol) -> Iterator[Record]:
    """The accuracy of categories that were found without labels, matched to the test classes."""
    assert isinstance(model, Clusterer)
    images = take(data.examples("test"), protocol.images)
    if images.labels.ndim != 1:
        return
    found = map_batches(model, images.values, model.predict_category, "categories")
    value = rounded(clustering_accuracy(found, images.labels))
    yield {"metric": "clustering-accuracy", "value": value, "split": "test", "real": len(found)}


def codebook_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The share of codebook entries that the test split uses, and the perplexity of their use."""
    assert isinstance(model, Quantizes)
    values = take(data.examples("test"), protocol.images).values
    codes = map_batches(model, values, model.encode_indices, "codes")
    counts = codes.flatten().bincount(minlength=model.codebook_entries())
    shared: Record = {"entries": len(counts), "split": "test", "real": len(values)}
    usage = (counts > 0).double().mean()
    yield {"metric": "codebook-usage", "value": rounded(usage), **shared}
    yield {"metric": "codebook-perplexity", "value": rounded(perplexity(counts)), **shared}


def code_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The accuracy of a linear probe and of nearest neighbors on the codes of labeled images."""
    assert isinstance(model, SupportsEncoding)
    train, test = (take(data.examples(split), protocol.images) for split in ("train", "test"))
    if test.labels.ndim != 1:
        return
    codes, others = (
        map_batches(model, side.values, model.encode, "codes").flatten(1).double()
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
        near = nearest_neighbors(codes, train.labels, others, test.labels)
        yield {"metric": metric, "value": rounded(near), **shared, "labels": len(codes)}
