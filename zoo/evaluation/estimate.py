"""The duration of a measurement, estimated from a small part of it."""

import time
from collections.abc import Callable
from contextlib import suppress

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.modality import ImagePairs, Images, Series, modality_of
from zoo.core.module import CHUNK
from zoo.core.protocols import (
    SupportsELBO,
    SupportsImportanceWeighting,
    SupportsReconstruction,
    SupportsSampling,
    SupportsTranslation,
)
from zoo.core.restoration import SupportsRestoration
from zoo.data.arrays import Examples
from zoo.data.module import ZooDataModule
from zoo.evaluation.likelihood import FEW, importance_estimate, weighed_images
from zoo.evaluation.records import Protocol
from zoo.evaluation.series import WIDE, steps_of
from zoo.evaluation.translations import degraded, error, translate_all
from zoo.metrics.checks import NotEnough
from zoo.metrics.series import BATCH, discriminative_score, predictive_score
from zoo.metrics.similarity import ssim
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import load_extractor, spaces_of

STEPS = 3  # of the training of a network that are timed
PAIRINGS = 2  # all pairs of images are compared twice: for radii, balls, kernels, neighbors


def expected_seconds(model: LightningModule, data: ZooDataModule, protocol: Protocol) -> float:
    """The seconds that `measure` will take: a chunk of each of its long parts is timed."""
    if isinstance(data.modality, Series) and isinstance(model, SupportsSampling):
        return judges_seconds(data, protocol)
    if isinstance(model, SupportsTranslation) and isinstance(data.modality, Images | ImagePairs):
        return translations_seconds(model, data, protocol)
    if not isinstance(data.modality, Images):
        return 0.0
    test = data.examples("test").values
    values = test[:CHUNK].to(model.device)
    chunks = min(protocol.images, len(test)) / len(values)
    x, seconds = data.modality.normalize(values), 0.0
    if isinstance(model, SupportsSampling):
        sample = model.sample
        drawn = protocol.seeds * protocol.images / CHUNK
        seconds += drawn * timed(lambda: to_uint8(sample(CHUNK, seed=0)))
        seconds += distances_seconds(data, protocol, values)
    if isinstance(model, SupportsELBO):
        elbo_terms = model.elbo_terms
        seconds += chunks * timed(lambda: elbo_terms(x))
    if isinstance(model, SupportsImportanceWeighting):
        few = timed(lambda: importance_estimate(model, x[:FEW], FEW))
        images = min(weighed_images(model, protocol), len(test))
        seconds += few * protocol.draws / FEW * images / FEW
    if isinstance(model, SupportsReconstruction):
        reconstruct = model.reconstruct
        seconds += 2 * chunks * timed(lambda: reconstruct(x))  # codes are measured as well
    return seconds


def translations_seconds(model: LightningModule, data: ZooDataModule, protocol: Protocol) -> float:
    """The seconds of translating the test split, and of features and similarities of the outputs,
    the targets and the inputs."""
    test = data.examples("test")
    few = Examples(test.values[:CHUNK], test.labels[:CHUNK])
    examples = degraded(model, few) if isinstance(model, SupportsRestoration) else few
    modality = modality_of(model, data.modality)
    chunks = min(protocol.images, len(test.values)) / len(few.values)
    seconds = timed(lambda: translate_all(model, examples, modality))
    found = translate_all(model, examples, modality)
    with suppress(NotEnough):  # of images that are too small
        seconds += timed(lambda: error("ssim", ssim, found))
    if name := protocol.extractor or data.extractor:
        extractor = load_extractor(name, model.device)
        seconds += len(found) * timed(lambda: extractor(found.targets.to(model.device)))
    return chunks * seconds


def judges_seconds(data: ZooDataModule, protocol: Protocol) -> float:
    """The seconds of training the networks that judge series."""
    series = data.modality.normalize(data.examples("train").values[:BATCH])
    if len(series) < BATCH:  # scores of so few take no time, or are left out
        return 0.0
    tells = timed(lambda: discriminative_score(series, series, STEPS, WIDE))
    predicts = timed(lambda: predictive_score(series, series, STEPS))
    told, predicted = steps_of(protocol)
    return protocol.seeds * (3 * told * tells + 2 * predicted * predicts) / STEPS


def distances_seconds(data: ZooDataModule, protocol: Protocol, pixels: Tensor) -> float:
    """The seconds of all features and of all distances between images, in all spaces."""
    names = (protocol.extractor,) if protocol.extractor else spaces_of(data)
    split = data.examples(protocol.against or data.reference)
    images = protocol.images + min(protocol.images, len(split.values))
    return sum(seconds_in_space(name, pixels, images) for name in names) * protocol.seeds


def seconds_in_space(name: str, pixels: Tensor, images: int) -> float:
    """The seconds of features and distances of as many images in the space of an extractor."""
    extractor = load_extractor(name, pixels.device)
    features = extractor(pixels)
    once = timed(lambda: torch.cdist(features, features).topk(min(8, len(features)), largest=False))
    pairs = PAIRINGS * (images / len(pixels)) ** 2 * once
    return images / len(pixels) * timed(lambda: extractor(pixels)) + pairs


@torch.no_grad()
def timed(part: Callable[[], object]) -> float:
    """The seconds of the fastest of three calls."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        part()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)
