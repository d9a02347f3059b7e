"""Metrics of attributes: the accuracy of a classifier, and the shares of them among samples."""

from collections.abc import Iterator

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.protocols import PredictsAttributes
from zoo.data.images import ImageDataModule
from zoo.data.module import ZooDataModule
from zoo.errors import ZooError
from zoo.evaluation.records import Protocol, Record, map_batches, mean, rounded, take


def attribute_accuracy(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The share of attributes of test images that are predicted correctly, beside that of a
    prediction of the commonest value. Raises ZooError for labels that are not the attributes."""
    assert isinstance(model, PredictsAttributes)
    images = take(data.examples("test"), protocol.images)
    predict = model.predict_attributes
    predicted = map_batches(model, images.values, predict, "attributes") > 0.5
    present = images.labels.bool()
    if predicted.shape != present.shape:
        raise ZooError(
            f"the labels of {data.source.title} must be {predicted.shape[1]} attributes, got "
            f"{tuple(present.shape)}. Name the data that it was trained on by --recipe"
        )
    correct, share = (predicted == present).double(), present.double().mean(0)
    record = mean("attribute-accuracy", correct.mean(1))
    record["majority"] = rounded(torch.maximum(share, 1 - share).mean())
    names = data.attributes if isinstance(data, ImageDataModule) else ()
    yield record | {"by_attribute": by_name(names, correct.mean(0))}


def attribute_gap(real: Tensor, fake: Tensor, names: tuple[str, ...]) -> Record:
    """The mean absolute difference of the shares of attributes among real images and samples,
    which are (n, attributes) and (m, attributes) in bool."""
    shares, target = fake.double().mean(0), real.double().mean(0)
    return {
        "metric": "attribute-gap",
        "value": rounded((shares - target).abs().mean()),
        "by_attribute": by_name(names, shares),
        "real_by_attribute": by_name(names, target),
        "real": len(real),
        "fake": len(fake),
    }


def by_name(names: tuple[str, ...], values: Tensor) -> str:
    """Values (n,) with the names of their attributes, or with numbers."""
    titles = names if len(names) == len(values) else map(str, range(len(values)))
    return ", ".join(f"{name} {v:.3f}" for name, v in zip(titles, values.tolist(), strict=True))
