"""Metrics of predicted frames, beside a copy of the last given frame."""

from collections.abc import Callable, Iterator

import torch
from lightning import LightningModule
from torch import Tensor
from tqdm import tqdm

from zoo.core.modality import Clips
from zoo.core.protocols import SupportsPrediction
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import Protocol, Record, mean, rounded, skip_if_not_measurable, take
from zoo.metrics.rates import psnr
from zoo.metrics.similarity import ssim
from zoo.plotting.pictures import to_uint8

CHUNK = 32  # clips at a time
MOST = 100  # dB, of equal frames
Error = Callable[[Tensor, Tensor], Tensor]  # frames (n, c, h, w) and targets to values (n,)


def prediction_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Errors of the predicted frames of test clips, means over all of them; `copied` repeats the
    last given frame."""
    assert isinstance(model, SupportsPrediction)
    assert isinstance(data.modality, Clips)
    values, given = take(data.examples("test"), protocol.images).values, data.modality.given
    following = values[:, given:]
    predicted = predict_all(model, values[:, :given], data.modality, following.shape[1])
    last = values[:, given - 1 : given].expand_as(following)
    for name, function, unit in ERRORS:
        with skip_if_not_measurable(name):
            found = frame_errors(function, predicted, following, data.modality)
            copied = frame_errors(function, last, following, data.modality)
            record = mean(name, found.mean(1), unit)
            record |= {"copied": rounded(copied.mean()), "frames": following.shape[1]}
            yield record | {"by_frame": " ".join(f"{x:.4g}" for x in found.mean(0).tolist())}


@torch.no_grad()
def predict_all(model: SupportsPrediction, given: Tensor, modality: Clips, frames: int) -> Tensor:
    """The predictions (n, frames, c, h, w) in uint8 for given frames, as files store them."""
    assert isinstance(model, LightningModule)
    found = []
    for some in tqdm(given.split(CHUNK), "predictions", leave=False, disable=None):
        predicted = model.predict(modality.normalize(some.to(model.device)), frames)
        found.append(to_uint8(predicted).cpu())
    return torch.cat(found)


def frame_errors(function: Error, images: Tensor, targets: Tensor, modality: Clips) -> Tensor:
    """A function of each frame: (n, frames)."""
    values = []
    for x, y in zip(images.split(CHUNK), targets.split(CHUNK), strict=True):
        pair = (modality.normalize(side).flatten(0, 1) for side in (x, y))
        values.append(function(*pair).unflatten(0, x.shape[:2]))
    return torch.cat(values).double()


def summed_square(x: Tensor, y: Tensor) -> Tensor:
    """The sum over the pixels (n,) of squared errors in [0, 1]."""
    return ((x - y) / 2).square().flatten(1).sum(1)


ERRORS: tuple[tuple[str, Error, str], ...] = (
    ("frame-mse", summed_square, "squared error of pixels in [0, 1], summed over a frame"),
    ("frame-ssim", ssim, ""),
    ("frame-psnr", lambda x, y: psnr(x, y).clamp(max=MOST), "dB"),
)
