"""Figures for a visual check: nearest pairs of samples, and samples beside training images."""

from pathlib import Path

import torch
from torch import Tensor

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

PAIRS, SAMPLES, NEIGHBORS = 32, 24, 3
GAP = 12  # pixels between two columns


def render_figures(
    path: Path, data: ZooDataModule, protocol: Protocol, folder: Path, device: str | None = None
) -> list[Path]:
    """Write two PNG files into a folder: NAME-pairs.png, the 32 nearest pairs among 2,000 samples
    in the order of their distance, and NAME-neighbors.png, the first 24 samples, each followed by
    its three nearest training images.

    Distances are in the feature space of the protocol; training images are those that it measures.
    Raises ZooError for a model without `sample`.
    """
    model, name = load(path, device), path.stem
    if not isinstance(model, SupportsSampling):
        raise ZooError(
            f"a model must have `sample` for figures, got {type(model).__name__}. Leave out "
            "--pictures"
        )
    space = find_space(protocol.extractor or data.extractor, data, protocol, model.device)
    samples = model.sample(SUPPORT, seed=0).cpu()
    features = extract(space.extractor, data.modality.store(samples), "samples")
    images = data.modality.images(samples)
    pairs = images[nearest_pairs(features, PAIRS).cpu()]
    require_images("a figure of neighbors", NEIGHBORS, space.features["train"])
    # indices (24, 3) of training images
    nearest = distances(features[:SAMPLES], space.features["train"]).topk(NEIGHBORS, largest=False)
    real = training_images(data, nearest.indices.cpu().flatten())
    groups = torch.cat([images[:SAMPLES, None], real.unflatten(0, (-1, NEIGHBORS))], dim=1)
    figures = {"pairs": strips(pairs, columns=4), "neighbors": strips(groups, columns=3)}
    for kind, figure in figures.items():
        pictures.save(figure, folder / f"{name}-{kind}.png")
    return [folder / f"{name}-{kind}.png" for kind in figures]


def training_images(data: ZooDataModule, indices: Tensor) -> Tensor:
    """Training examples as images (n, channels, h, w) in [-1, 1]."""
    values = data.examples("train").values[indices]
    return data.modality.images(data.modality.normalize(values))


def strips(images: Tensor, columns: int) -> Tensor:
    """One image (channels, h, w) in uint8 of groups of images (groups, k, channels, size, size) in
    [-1, 1]: each group is a strip of k images, with `columns` strips in a row, in reading order."""
    # column c has the groups c, c + columns, c + 2 columns, ...
    groups = [images[start::columns] for start in range(columns)]
    grids = [pictures.grid(some.flatten(0, 1), images.shape[1]) for some in groups]
    gap = grids[0].new_full((*grids[0].shape[:2], GAP), 255)
    return torch.cat([part for grid in grids for part in (gap, grid)][1:], dim=2)
