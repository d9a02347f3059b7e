"""Samples as a person must look at them: the likest pairs, and beside what was learned from."""

from pathlib import Path

import torch
from torch import Tensor

from zoo.core.modality import normalize
from zoo.core.protocols import SupportsSampling
from zoo.data.features import extract
from zoo.data.module import ZooDataModule
from zoo.errors import ZooError
from zoo.evaluation.records import Protocol
from zoo.evaluation.samples import SUPPORT, find_space
from zoo.metrics.checks import require_images
from zoo.metrics.manifold import distances
from zoo.metrics.support import nearest_pairs
from zoo.plotting import pictures
from zoo.pretrained.weights import load

PAIRS, SAMPLES, NEIGHBOURS = 32, 24, 3
GAP = 12


def draw_figures(
    path: Path, data: ZooDataModule, protocol: Protocol, folder: Path, device: str | None = None
) -> list[Path]:
    """Two PNG files in a folder: the 32 nearest pairs among 2,000 samples, nearest first,
    and the first 24 samples, each followed by the three training images nearest to it.

    Nearest is meant in the extractor's space, among the training images that are measured. Raises
    ZooError for a model that draws nothing.
    """
    model, name = load(path, device), path.stem
    if not isinstance(model, SupportsSampling):
        raise ZooError(f"{name} draws no images: there are no pictures of them to be made")
    space = find_space(data, protocol, model.device)
    images = model.sample(SUPPORT, seed=0).cpu()
    features = extract(space.extractor, pictures.to_uint8(images), "samples")
    pairs = images[nearest_pairs(features, PAIRS).cpu()]
    require_images("a picture of neighbours", NEIGHBOURS, space.sides["train"])
    found = distances(features[:SAMPLES], space.sides["train"]).topk(NEIGHBOURS, largest=False)
    trained = normalize(data.examples("train").values[found.indices.cpu().flatten()])
    beside = torch.cat([images[:SAMPLES, None], trained.unflatten(0, (-1, NEIGHBOURS))], dim=1)
    shown = {"pairs": strips(pairs, across=4), "neighbours": strips(beside, across=3)}
    for kind, picture in shown.items():
        pictures.save(picture, folder / f"{name}-{kind}.png")
    return [folder / f"{name}-{kind}.png" for kind in shown]


def strips(images: Tensor, across: int) -> Tensor:
    """Groups of images (groups, k, channels, size, size) in [-1, 1] to one picture: each group is a
    strip, so many of them to a row, which is read from left to right."""
    rows = [images[start::across] for start in range(across)]
    columns = [pictures.grid(some.flatten(0, 1), images.shape[1]) for some in rows]
    gap = columns[0].new_full((*columns[0].shape[:2], GAP), 255)
    return torch.cat([part for column in columns for part in (gap, column)][1:], dim=2)
