"""How long a measurement will take, told from a small part of it."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.core.module import CHUNK, ZooModule
from zoo.core.protocols import (
    SupportsELBO,
    SupportsImportanceWeighting,
    SupportsReconstruction,
    SupportsSampling,
)
from zoo.data.images import ImageDataModule, normalize
from zoo.evaluation.likelihood import FEW, elbo_and_estimate, weighable
from zoo.evaluation.records import Protocol
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import load_extractor

PAIRINGS = 2  # of all images, real or not: for their radii, balls, kernels and neighbours


def expected_seconds(model: ZooModule, data: ImageDataModule, protocol: Protocol) -> float:
    """How long `measure` will take: a chunk of each of its long parts is timed, and multiplied."""
    pixels = data.images("test").pixels[:CHUNK].to(model.device)
    chunks = min(protocol.images, len(data.images("test").pixels)) / len(pixels)
    x, seconds = normalize(pixels), 0.0
    if isinstance(model, SupportsSampling):
        drawn = protocol.seeds * protocol.images / CHUNK
        seconds += drawn * timed(lambda: to_uint8(model.sample(CHUNK, seed=0)))
        seconds += distances_seconds(data, protocol, pixels)
    if isinstance(model, SupportsELBO):
        seconds += chunks * timed(lambda: model.elbo_terms(x))
    if isinstance(model, SupportsImportanceWeighting):
        few = timed(lambda: elbo_and_estimate(model, x[:FEW], FEW))
        images = min(weighable(model, protocol), len(data.images("test").pixels))
        seconds += few * protocol.draws / FEW * images / FEW
    if isinstance(model, SupportsReconstruction):
        seconds += 2 * chunks * timed(lambda: model.reconstruct(x))  # codes are read as well
    return seconds


def distances_seconds(data: ImageDataModule, protocol: Protocol, pixels: Tensor) -> float:
    """Features of all samples, and the distances of all images from one another."""
    name = protocol.extractor or data.extractor
    extractor = load_extractor(name, pixels.device)
    split = data.images(protocol.against or data.reference)
    images = protocol.images + min(protocol.images, len(split.pixels))
    features = extractor(pixels)
    once = timed(lambda: torch.cdist(features, features).topk(min(8, len(features)), largest=False))
    pairs = PAIRINGS * (images / len(pixels)) ** 2 * once
    return protocol.seeds * (images / len(pixels) * timed(lambda: extractor(pixels)) + pairs)


@torch.no_grad()
def timed(part: Callable[[], object]) -> float:
    """Seconds of the best of three: the first warms up, and others may be at work beside it."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        part()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)
