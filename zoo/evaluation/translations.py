"""Metrics of translations: how near outputs are to their targets, beside a copy of the input."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor
from torch.nn.functional import interpolate
from tqdm import tqdm

from zoo.core.modality import ImagePairs, Modality, modality_of, normalize
from zoo.core.protocols import SupportsTranslation
from zoo.core.restoration import SupportsColorization, SupportsRestoration
from zoo.data.arrays import Examples
from zoo.data.features import extract
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import (
    Protocol,
    Record,
    mean,
    rounded,
    skip_if_not_measurable,
    take,
)
from zoo.metrics.colorfulness import colorfulness
from zoo.metrics.extractors import AttributeFeatures
from zoo.metrics.frechet import frechet_between
from zoo.metrics.kernel import kernel_distance
from zoo.metrics.rates import psnr
from zoo.metrics.similarity import ssim
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import (
    is_attribute_space,
    load_extractor,
    metric_name,
    spaces_of,
)

CHUNK = 64  # pairs in one forward pass
MOST = 100  # dB, of equal images
DISTANCES = {"fd": frechet_between, "kd": kernel_distance}

Translate = Callable[[Tensor], Tensor]
Error = Callable[[Tensor, Tensor], Tensor]  # images (n, c, h, w) and targets to values (n,)


class Translations(NamedTuple):
    """Targets, outputs and inputs, the last ones in the shape of the targets, (n, c, h, w) in
    uint8: what files store."""

    targets: Tensor
    outputs: Tensor
    copies: Tensor


def translation_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Distances between the outputs and the targets of the test split where the data names a
    feature space, then errors of each output; `copied` is the value for the inputs as outputs."""
    examples = take(data.examples("test"), protocol.images)
    labels = examples.labels
    if isinstance(model, SupportsRestoration):
        examples = degraded(model, examples)
    found = translate_all(model, examples, modality_of(model, data.modality))
    yield from errors_and_distances(found, protocol.extractor or data.extractor, model.device)
    if isinstance(model, SupportsColorization):
        yield colors(found)
    if isinstance(model, SupportsRestoration) and not protocol.extractor:
        yield from attributes_of_faces(found, labels, data, model.device)


def errors_and_distances(
    found: Translations, extractor: str, device: torch.device
) -> Iterator[Record]:
    """Distances of outputs to targets in the space of an extractor, where there is one, then errors
    of each output."""
    yield from distances(found, extractor, device)
    yield error("mae", mean_error, found, "absolute error of a pixel in [0, 1]")
    yield error("psnr", lambda x, y: psnr(x, y).clamp(max=MOST), found, "dB")
    with skip_if_not_measurable("ssim"):
        yield error("ssim", ssim, found)


def attributes_of_faces(
    found: Translations, labels: Tensor, data: ZooDataModule, device: torch.device
) -> Iterator[Record]:
    """The share of attributes (n, attributes) that the attribute classifier of the data predicts
    correctly of outputs, with those of copied inputs and of real targets; none without one."""
    if labels.ndim != 2:
        return

    def correct(present: Tensor) -> Tensor:
        return (present == labels.bool()).double().mean(1)

    yield from attribute_record("attribute-accuracy", correct, found, data, device)


def attribute_record(
    metric: str,
    function: Callable[[Tensor], Tensor],
    found: Translations,
    data: ZooDataModule,
    device: torch.device,
    unit: str = "",
) -> Iterator[Record]:
    """The mean over outputs of a function of attributes (n, attributes) in bool, with those of
    copied inputs and of real targets; none without an attribute classifier of the data."""
    name = next((name for name in spaces_of(data) if is_attribute_space(name)), None)
    if name is None:
        return
    extractor = load_extractor(name, device)
    assert isinstance(extractor, AttributeFeatures)

    def values(images: Tensor) -> Tensor:
        chunks = (extractor.probabilities(extractor(x.to(device))) for x in images.split(CHUNK))
        return function(torch.cat([p.cpu() > 0.5 for p in chunks]))

    record = mean(metric, values(found.outputs), unit)
    record["copied"], record["targets"] = (
        rounded(values(images).mean()) for images in (found.copies, found.targets)
    )
    yield record | {"extractor": name, "extractor_sha256": extractor.sha256()}


def degraded(model: SupportsRestoration, images: Examples) -> Examples:
    """Pairs of the inputs that a model makes of images, and the images, all in uint8."""
    chunks = [to_uint8(model.degrade(normalize(x))) for x in images.values.split(CHUNK)]
    return Examples(torch.cat(chunks), images.values)


def translate_all(model: LightningModule, pairs: Examples, modality: Modality) -> Translations:
    """The translations of pairs with seed 0, on the CPU."""
    assert isinstance(model, SupportsTranslation)
    assert isinstance(modality, ImagePairs)
    outputs = translated(model, modality, model.translate, pairs.values)
    shown = modality.show(modality.normalize(pairs.values))
    return Translations(pairs.labels, outputs, copied(shown, pairs.labels))


@torch.no_grad()
def translated(
    model: LightningModule, modality: Modality, function: Translate, values: Tensor
) -> Tensor:
    """The translations of stored images (n, c, h, w), in uint8 on the CPU."""
    chunks = tqdm(values.split(CHUNK), "translations", leave=False, disable=None)
    outputs = (function(modality.normalize(x.to(model.device))) for x in chunks)
    return torch.cat([to_uint8(y).cpu() for y in outputs])


def copied(images: Tensor, targets: Tensor) -> Tensor:
    """Images (n, a, h, w) in [-1, 1] in uint8, with the size and the channels of the targets."""
    if images.shape[2:] != targets.shape[2:]:
        images = interpolate(images, size=targets.shape[2:], mode="bicubic", antialias=True)
    if images.shape[1] != targets.shape[1]:
        images = images.mean(1, keepdim=True).expand(-1, targets.shape[1], -1, -1)
    return to_uint8(images)


def error(metric: str, function: Error, found: Translations, unit: str = "") -> Record:
    """The mean of a function of outputs and targets, and that of copied inputs."""

    def values(images: Tensor) -> Tensor:
        chunks = zip(images.split(CHUNK), found.targets.split(CHUNK), strict=True)
        return torch.cat([function(normalize(x), normalize(y)) for x, y in chunks])

    copy = values(found.copies).double().mean()
    return mean(metric, values(found.outputs), unit) | {"copied": rounded(copy)}


def colors(found: Translations) -> Record:
    """The mean colorfulness of the outputs, with that of the targets."""

    def values(images: Tensor) -> Tensor:
        return torch.cat([colorfulness(normalize(x)) for x in images.split(CHUNK)])

    record = mean("colorfulness", values(found.outputs))
    record["targets"] = rounded(values(found.targets).mean())
    return record | {"copied": rounded(values(found.copies).mean())}


def mean_error(images: Tensor, targets: Tensor) -> Tensor:
    """The mean absolute error (n,) of pixels in [0, 1]."""
    return (images - targets).abs().flatten(1).mean(1) / 2


def distances(found: Translations, name: str, device: torch.device) -> Iterator[Record]:
    """Distances of all outputs to all targets in the space of an extractor; none without one."""
    if not name:
        return
    extractor = load_extractor(name, device)
    real, fake, copies = (extract(extractor, x, "features").cpu() for x in found)
    n = len(real)
    shared: Record = {"extractor": name, "extractor_sha256": extractor.sha256()}
    for kind, distance in DISTANCES.items():
        with skip_if_not_measurable(metric_name(kind, name)):
            record: Record = {"metric": metric_name(kind, name)}
            record |= {"value": rounded(distance(real, fake))}
            record |= {"copied": rounded(distance(real, copies)), "split": "test"}
            yield record | {"real": n, "fake": n, "resize": extractor.resize} | shared
