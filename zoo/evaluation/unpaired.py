"""Metrics of translations without pairs: distances to the other set, beside a copy of the input."""

from collections.abc import Iterator
from functools import partial

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.modality import normalize
from zoo.core.protocols import HasDirections, SupportsTranslation
from zoo.data.module import ZooDataModule
from zoo.data.unpaired import CelebAAttribute
from zoo.evaluation.records import Protocol, Record, mean, take
from zoo.evaluation.translations import (
    Translations,
    attribute_record,
    distances,
    mean_error,
    translated,
)
from zoo.pretrained.extractors import spaces_of


def unpaired_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Distances between the outputs for the inputs of the test split and its targets, then those of
    the opposite direction as `-reverse`, the share of outputs that have the attribute of the
    targets, and the error of a cycle."""
    assert isinstance(model, SupportsTranslation)
    examples, modality = take(data.examples("test"), protocol.images), data.modality
    spaces = (protocol.extractor,) if protocol.extractor else spaces_of(data)
    outputs = translated(model, modality, model.translate, examples.values)
    found = Translations(examples.labels, outputs, examples.values)
    for space in spaces:
        yield from distances(found, space, model.device)
    if isinstance(data, CelebAAttribute):
        yield from attribute_shares(found, data, model.device)
    if isinstance(model, HasDirections):
        reverse = partial(model.translate_to, direction=model.directions()[1])
        back = translated(model, modality, reverse, examples.labels)
        opposite = Translations(examples.values, back, examples.labels)
        for space in spaces:
            for record in distances(opposite, space, model.device):
                yield record | {"metric": f"{record['metric']}-reverse"}
        both = translated(model, modality, reverse, outputs)
        errors = mean_error(normalize(both), normalize(examples.values))
        yield mean("cycle-mae", errors, "absolute error of a pixel in [0, 1], there and back")


def attribute_shares(
    found: Translations, data: CelebAAttribute, device: torch.device
) -> Iterator[Record]:
    """The share of outputs that the attribute classifier of the data finds to have the attribute of
    the targets, with those of copied inputs and of real targets."""
    index, unit = data.attribute_index(), f"share that are {data.attribute}"

    def has(present: Tensor) -> Tensor:
        return present[:, index].double()

    yield from attribute_record("attribute-share", has, found, data, device, unit)
