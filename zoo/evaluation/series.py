"""Metrics of synthetic series and of reconstructed ones, with what they compare to beside them."""

from collections.abc import Iterator

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.protocols import SupportsReconstruction, SupportsSampling
from zoo.data.arrays import Examples
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import (
    Protocol,
    Record,
    map_batches,
    mean,
    over_seeds,
    rounded,
    skip_if_not_measurable,
)
from zoo.metrics.codes import anomaly_auroc
from zoo.metrics.series import discriminative_score, predictive_score, units_of

WIDE = 24  # units of a second discriminator, which sees more than that of the paper


def series_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Discriminative and predictive scores, means over seeds, of as many samples as there are
    training series, at most as many as the protocol has images. Anomalies do not count."""
    assert isinstance(model, SupportsSampling)
    train, test = (
        data.modality.normalize(normal(data.examples(split))[: protocol.images])
        for split in ("train", "test")
    )
    runs = []
    for seed in range(protocol.seeds):
        fake = model.sample(len(train), seed).cpu()
        runs.append(list(measured(train, test, fake, protocol, seed)))
    yield from (record | {"seeds": len(runs)} for record in over_seeds(runs))


def steps_of(protocol: Protocol) -> tuple[int, int]:
    """Steps of the training of a discriminator and of a predictor."""
    return protocol.images // 5, protocol.images // 2


def measured(
    train: Tensor, test: Tensor, fake: Tensor, protocol: Protocol, seed: int
) -> Iterator[Record]:
    """The records of one seed. Networks are trained for as many steps as in the authors' code by
    the full protocol, for fewer by the quick one."""
    tells, predicts = steps_of(protocol)
    units = units_of(train.shape[2])
    shared: Record = {"real": len(train), "fake": len(fake), "split": "train", "steps": tells}
    for name, others, n in (
        ("discriminative-score", fake, units),
        ("discriminative-score-wide", fake, WIDE),
        ("discriminative-score-real", test, WIDE),
    ):
        with skip_if_not_measurable(name):
            value = discriminative_score(train, others, tells, n, seed)
            yield {"metric": name, "value": value, **shared, "units": n, "fake": len(others)}
    shared |= {"real": len(test), "split": "test", "steps": predicts, "units": units}
    for name, others in (("predictive-score", fake), ("predictive-score-real", train)):
        with skip_if_not_measurable(name):
            value = predictive_score(others, test, predicts, seed)
            yield {"metric": name, "value": value, **shared, "fake": len(others)}


def normal(examples: Examples) -> Tensor:
    """The values that are no anomalies, whose labels are not 0."""
    return examples.values[~anomalous(examples)]


def anomalous(examples: Examples) -> Tensor:
    """Whether each example is an anomaly (n,): none is without a label for each."""
    values, labels = examples
    return labels > 0 if labels.ndim == 1 else torch.zeros(len(values), dtype=torch.bool)


def reconstruction_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The mean squared error of reconstructed normal test series. Where the test split has
    anomalies, the AUROC with which the error detects them, and that of the squared distance to the
    mean of the training series."""
    assert isinstance(model, SupportsReconstruction)
    reconstruct, test = model.reconstruct, data.examples("test")
    errors = map_batches(
        model, test.values, lambda x: (reconstruct(x) - x).square().mean((1, 2)), "reconstructions"
    )
    is_anomaly = anomalous(test)
    yield mean("mse", errors[~is_anomaly], "squared error of a number in [0, 1]")
    if not is_anomaly.any():
        return
    center = data.modality.normalize(data.examples("train").values).mean(0)
    distances = (data.modality.normalize(test.values) - center).square().mean((1, 2))
    for name, scores in (("anomaly-auroc", errors), ("anomaly-auroc-mean", distances)):
        with skip_if_not_measurable(name):
            value = rounded(anomaly_auroc(scores, is_anomaly.long(), 1))
            record: Record = {"metric": name, "value": value, "anomalies": int(is_anomaly.sum())}
            yield record | {"split": "test", "real": len(scores)}
