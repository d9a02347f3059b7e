"""How long a measurement will take, told from a small part of it."""

import time
from collections.abc import Callable

import torch

from recipes.data.images import ImageData, normalise
from zoo.contracts import CHUNK, Animal, Bounded, ImportanceWeighted, Reconstructor, Sampler
from zoo.extractors import load_extractor
from zoo.measures.evidence import FEW, SHARE, weighed
from zoo.measures.records import Protocol
from zoo.metrics.manifold import inside
from zoo.pictures import to_uint8

PAIRINGS = 6  # of every image with every other, for each seed: radii, balls, kernels, neighbours


def expected_seconds(model: Animal, data: ImageData, protocol: Protocol) -> float:
    """How long `measure` will take: a chunk of each of its long parts is timed, and multiplied."""
    pixels = data.images("test").pixels[:CHUNK].to(model.device)
    chunks = min(protocol.images, len(data.images("test").pixels)) / len(pixels)
    x, seconds = normalise(pixels), 0.0
    if isinstance(model, Sampler):
        drawn = protocol.seeds * protocol.images / CHUNK
        seconds += drawn * timed(lambda: to_uint8(model.sample(CHUNK, seed=0)))
        seconds += distances_seconds(data, protocol, pixels, model.device)
    if isinstance(model, Bounded):
        seconds += chunks * timed(lambda: model.bound(x))
    if isinstance(model, ImportanceWeighted):
        few = timed(lambda: weighed(model, x[:FEW], FEW))
        seconds += few * protocol.draws / FEW * chunks * len(pixels) / SHARE / FEW
    if isinstance(model, Reconstructor):
        seconds += 2 * chunks * timed(lambda: model.reconstruct(x))  # codes are read as well
    return seconds


def distances_seconds(
    data: ImageData, protocol: Protocol, pixels: torch.Tensor, device: torch.device
) -> float:
    """Features of all samples, and their distances."""
    extractor = load_extractor(protocol.extractor or data.extractor, device)
    drawn = protocol.seeds * protocol.images / len(pixels)
    features = extractor(pixels)
    many = features.repeat(-(-protocol.images // len(features)), 1)
    many = many + 0.1 * torch.randn(many.shape, device=device, dtype=many.dtype)
    reach = torch.ones(len(many), device=device, dtype=many.dtype)
    once = timed(lambda: inside(many[:CHUNK], many, reach, border=True))
    return drawn * timed(lambda: extractor(pixels)) + PAIRINGS * drawn * once


@torch.no_grad()
def timed(part: Callable[[], object]) -> float:
    """Seconds of the second time: the first warms up."""
    for _ in range(2):
        start = time.perf_counter()
        part()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken = time.perf_counter() - start
    return taken
