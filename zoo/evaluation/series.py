"""Metrics of synthetic series, each with that of real series beside it."""

from collections.abc import Iterator

from lightning import LightningModule
from torch import Tensor

from zoo.core.protocols import SupportsSampling
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import Protocol, Record, over_seeds, skip_if_not_measurable
from zoo.metrics.series import discriminative_score, predictive_score, units_of

WIDE = 24  # units of a second discriminator, which sees more than that of the paper


def series_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Discriminative and predictive scores, means over seeds, of as many samples as there are
    training series, at most as many as the protocol has images."""
    assert isinstance(model, SupportsSampling)
    train, test = (
        data.modality.normalize(data.examples(split).values[: protocol.images])
        for split in ("train", "test")
    )
    runs = []
    for seed in range(protocol.seeds):
        fake = model.sample(len(train), seed).cpu()
        runs.append(list(measured(train, test, fake, protocol, seed)))
    yield from (record | {"seeds": len(runs)} for record in over_seeds(runs))


def measured(
    train: Tensor, test: Tensor, fake: Tensor, protocol: Protocol, seed: int
) -> Iterator[Record]:
    """The records of one seed. Networks are trained for as many steps as in the authors' code by
    the full protocol, for fewer by the quick one."""
    tells, predicts = protocol.images // 5, protocol.images // 2
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
