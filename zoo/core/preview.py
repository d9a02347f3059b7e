"""The preview of a model: samples from seed 0, or inputs with their translations, as `zoo export`
renders them beside the weights and `zoo verify` renders them again."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.modality import Clips, ImagePairs, Images, Modality, normalize
from zoo.core.protocols import (
    SupportsClasses,
    SupportsPrediction,
    SupportsSampling,
    SupportsTranslation,
)
from zoo.core.restoration import SupportsRestoration
from zoo.errors import ZooError
from zoo.plotting import pictures

ROWS = 8

Inputs = Callable[[int], Tensor]  # the first n inputs (n, ...) of a test split


class Preview(NamedTuple):
    """Samples (n, ...) of a modality, and how many of them stand side by side."""

    samples: Tensor
    modality: Modality
    columns: int

    def render(self, path: Path) -> Path:
        """Write the samples into a file at `path`, with the ending of their modality."""
        path = path.with_suffix(self.modality.suffix)
        self.modality.render(self.samples, path, self.columns)
        return path


def preview(
    model: LightningModule,
    modality: Modality,
    inputs: Inputs,
    n: int | None = None,
    seed: int = 0,
) -> Preview:
    """The preview of a model with n samples, by default eight rows: by the first protocol of
    PREVIEWS that the model has, else its weights."""
    for protocol, function in PREVIEWS:
        if isinstance(model, protocol):
            return function(model, modality, inputs, n, seed)
    return weights_preview(model)


def sample_preview(
    model: LightningModule, modality: Modality, inputs: Inputs, n: int | None, seed: int
) -> Preview:
    """Samples of a seed, with one column for each class of a conditional model."""
    assert isinstance(model, SupportsSampling)
    columns = columns_of(model, modality)
    return Preview(model.sample(n or ROWS * columns, seed=seed), modality, columns)


def translation_preview(
    model: LightningModule, modality: Modality, inputs: Inputs, n: int | None, seed: int
) -> Preview:
    """Rows of inputs, each above the row of their translations."""
    assert isinstance(model, SupportsTranslation)
    assert isinstance(modality, ImagePairs)
    columns = modality.columns
    x = inputs((n or ROWS * columns) // 2).to(model.device)
    if isinstance(model, SupportsRestoration) and x.shape[1:] == modality.target:
        x = normalize(pictures.to_uint8(model.degrade(x)))  # as a file stores them
    y = model.translate(x)
    x = modality.show(x)
    x = x.repeat_interleave(y.shape[2] // x.shape[2], 2)  # where outputs are larger
    x = x.repeat_interleave(y.shape[3] // x.shape[3], 3)
    sides = [side.expand(-1, 3, -1, -1) for side in (x, y)]
    return Preview(pictures.rows(*sides, columns=columns), modality, columns)


def weights_preview(model: LightningModule) -> Preview:
    """The weights of the first layer as images, each scaled to its largest weight."""
    found = next((p for p in model.parameters() if p.ndim >= 2), None)
    if found is None:
        raise ZooError(f"{type(model).__name__} has no layer to preview. Define `sample(n, seed)`")
    weights = found.detach().float()
    filters = weights if weights.ndim == 4 else weights.flatten(1)[None, None]
    if filters.shape[1] not in (1, 3):
        filters = filters.mean(1, keepdim=True)
    largest = filters.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    return Preview(filters / largest, Images(), Images.columns)


def columns_of(model: LightningModule, modality: Modality) -> int:
    """How many samples stand side by side: one for each class of a conditional model."""
    return int(model.hparams["classes"]) if isinstance(model, SupportsClasses) else modality.columns


def prediction_preview(
    model: LightningModule, modality: Modality, inputs: Inputs, n: int | None, seed: int
) -> Preview:
    """Clips, each above its first frames and those that are predicted to follow."""
    assert isinstance(model, SupportsPrediction)
    assert isinstance(modality, Clips)
    clips = inputs((n or 2 * ROWS) // 2).to(model.device)
    given = clips[:, : modality.given]
    predicted = model.predict(given, modality.frames - modality.given)
    continued = torch.cat([given, predicted.to(given)], 1)
    return Preview(torch.stack([clips, continued], 1).flatten(0, 1), modality, modality.frames)


PREVIEWS: tuple[tuple[type, Callable[..., Preview]], ...] = (
    (SupportsSampling, sample_preview),
    (SupportsTranslation, translation_preview),
    (SupportsPrediction, prediction_preview),
)


def rendered_inputs(path: Path, modality: Modality) -> Inputs:
    """The inputs that an earlier preview shows."""

    def first(n: int) -> Tensor:
        return modality.inputs(path)[:n]

    return first
