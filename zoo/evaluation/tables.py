"""Metrics of synthetic tables, each with the real value beside it where there is one."""

from collections.abc import Iterator

import torch
from lightning import LightningModule

from zoo.core.modality import Table
from zoo.core.protocols import SupportsSampling
from zoo.data.module import ZooDataModule
from zoo.data.tables import TableDataModule
from zoo.evaluation.records import Protocol, Record, over_seeds, skip_if_not_measurable
from zoo.metrics.tables import closest_records, column_shapes, efficacy, pair_trends

CLOSEST = 2_000  # synthetic rows whose closest records are searched
TREES = "macro F1, or R squared of numbers, of gradient-boosted trees on real test rows"


def table_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Efficacy of samples as training rows, similarity of columns and of pairs, closest records:
    means over seeds. None of them is a guarantee of privacy."""
    assert isinstance(model, SupportsSampling)
    train, test = (data.examples(split).values[: protocol.images] for split in ("train", "test"))
    runs = []
    for seed in range(protocol.seeds):
        fake = model.sample(len(train), seed).cpu()
        runs.append(list(measured(data, train, test, fake)))
    yield from (record | {"seeds": len(runs)} for record in over_seeds(runs))


def measured(
    data: ZooDataModule, train: torch.Tensor, test: torch.Tensor, fake: torch.Tensor
) -> Iterator[Record]:
    """The records of one seed."""
    assert isinstance(data.modality, Table)
    columns = data.modality.columns_
    shared: Record = {"split": "test", "real": len(test), "fake": len(fake)}
    target = data.target_column if isinstance(data, TableDataModule) else list(columns)[-1]
    for name, rows in (("efficacy", fake), ("efficacy-real", train)):
        with skip_if_not_measurable(name):
            value = efficacy(columns, target, rows, test)
            yield {"metric": name, "value": value, "unit": TREES, "target": target, **shared}
    shapes = column_shapes(columns, test, fake)
    worst = min(shapes, key=lambda name: shapes[name])
    value = sum(shapes.values()) / len(shapes)
    yield {"metric": "column-shapes", "value": value, "worst": worst, **shared}
    with skip_if_not_measurable("pair-trends"):
        yield {"metric": "pair-trends", "value": pair_trends(columns, test, fake), **shared}
    with skip_if_not_measurable("closest-to-train"):
        found = closest_records(columns, fake[:CLOSEST], train, test)
        sides: Record = {"split": "train", "held_out": len(test), "fake": min(CLOSEST, len(fake))}
        unit = "0.5 without memorization; no guarantee of privacy"
        yield {"metric": "closest-to-train", "value": found.share, "unit": unit, **sides}
        yield {"metric": "copies", "value": found.copies, **sides, "real": len(train)}
