"""Metrics of translations without pairs: distances to the other set, beside a copy of the input."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from lightning import LightningModule
from torch import Tensor
from tqdm import tqdm

from zoo.core.modality import normalize
from zoo.core.protocols import HasDirections, SupportsTranslation
from zoo.data.module import ZooDataModule
from zoo.data.unpaired import CelebAAttribute
from zoo.evaluation.records import Protocol, Record, mean, rounded, take
from zoo.evaluation.translations import (
    CHUNK,
    Translations,
    attributes_in,
    distances,
    mean_error,
)
from zoo.metrics.extractors import AttributeFeatures
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import is_attribute_space, load_extractor, spaces_of

Translate = Callable[[Tensor], Tensor]


def unpaired_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Distances between the outputs for the inputs of the test split and its targets, then those of
    the opposite direction as `-reverse`, the share of outputs that have the attribute of the
    targets, and the error of a cycle."""
    assert isinstance(model, SupportsTranslation)
    examples = take(data.examples("test"), protocol.images)
    spaces = (protocol.extractor,) if protocol.extractor else spaces_of(data)
    outputs = translated(model.translate, examples.values, model)
    found = Translations(examples.labels, outputs, examples.values)
    for space in spaces:
        yield from distances(found, space, model.device)
    if isinstance(data, CelebAAttribute):
        yield from attribute_shares(found, data, model.device)
    if isinstance(model, HasDirections):
        reverse = partial(model.translate_to, direction=model.directions()[1])
        back = translated(reverse, examples.labels, model)
        opposite = Translations(examples.values, back, examples.labels)
        for space in spaces:
            for record in distances(opposite, space, model.device):
                yield record | {"metric": f"{record['metric']}-reverse"}
        both = translated(reverse, outputs, model)
        errors = mean_error(normalize(both), normalize(examples.values))
        yield mean("cycle-mae", errors, "absolute error of a pixel in [0, 1], there and back")


@torch.no_grad()
def translated(function: Translate, values: Tensor, model: LightningModule) -> Tensor:
    """The translations of stored images (n, c, h, w), in uint8 on the CPU."""
    chunks = tqdm(values.split(CHUNK), "translations", leave=False, disable=None)
    return torch.cat([to_uint8(function(normalize(x.to(model.device)))).cpu() for x in chunks])


def attribute_shares(
    found: Translations, data: CelebAAttribute, device: torch.device
) -> Iterator[Record]:
    """The share of outputs that the attribute classifier of the data finds to have the attribute of
    the targets, with those of copied inputs and of real targets."""
    name = next((name for name in spaces_of(data) if is_attribute_space(name)), None)
    if name is None:
        return
    extractor = load_extractor(name, device)
    assert isinstance(extractor, AttributeFeatures)
    index = data.attribute_index()

    def has(images: Tensor) -> Tensor:
        return attributes_in(extractor, images, device)[:, index].double()

    record = mean("attribute-share", has(found.outputs), f"share that are {data.attribute}")
    record["copied"], record["targets"] = (
        rounded(has(images).mean()) for images in (found.copies, found.targets)
    )
    yield record | {"extractor": name, "extractor_sha256": extractor.sha256()}
