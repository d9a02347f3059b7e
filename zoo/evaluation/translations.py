"""Metrics of translations: how near outputs are to their targets."""

from collections.abc import Iterator

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.core.modality import modality_of
from zoo.core.protocols import SupportsTranslation
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import Protocol, Record, mean, take
from zoo.metrics.rates import psnr


@torch.no_grad()
def translation_errors(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The mean absolute error of a pixel in [0, 1], and the peak signal-to-noise ratio of an image
    in dB, at most 100, on the test split."""
    assert isinstance(model, SupportsTranslation)
    pairs = take(data.examples("test"), protocol.images)
    errors: list[Tensor] = []
    ratios: list[Tensor] = []
    for values, targets in zip(pairs.values.split(64), pairs.labels.split(64), strict=True):
        modality = modality_of(model, data.modality)
        x, y = (modality.normalize(side).to(model.device) for side in (values, targets))
        output = model.translate(x)
        errors.append((output - y).abs().flatten(1).mean(1).div(2).cpu())
        ratios.append(psnr(output, y).clamp(max=100).cpu())
    yield mean("mae", torch.cat(errors), "absolute error of a pixel in [0, 1]")
    yield mean("psnr", torch.cat(ratios), "dB")
