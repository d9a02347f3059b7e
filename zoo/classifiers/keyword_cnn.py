"""Keyword CNN. Sainath & Parada, 2015, https://www.isca-archive.org/interspeech_2015/sainath15b_interspeech.html

Convolutions over the time and the frequency of a log-mel spectrogram recognize spoken words. The
network has batch norm, and a maximum over time, so that words may begin at any time. The metric
`fd-cnn` uses the last hidden layer (64 units).
"""

from itertools import pairwise

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count, Width
from zoo.core.classifier import ClassifierModule
from zoo.core.modality import Audio

WINDOW, HOP, MELS = 256, 80, 40  # samples of a Fourier transform and between two; mel bands
FLOOR = 1e-6  # of the power, before the logarithm
BANDS, FRAMES = 5, 20  # longest mask of mel bands and of frames in training


class LogMel(nn.Module):
    """Log-mel spectrograms (n, 1, 40, frames) of sounds (n, 1, t): zero mean and unit variance in
    each sound, so that loudness does not matter."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        waves = x.flatten(1).float()
        window = torch.hann_window(WINDOW, dtype=waves.dtype, device=x.device)
        bins = torch.stft(
            waves, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True
        )
        power = mel_filters(self.rate).to(waves) @ bins.abs().square()  # (n, mels, frames)
        level = (power + FLOOR).log()
        mean, std = level.mean((1, 2), keepdim=True), level.std((1, 2), keepdim=True)
        return ((level - mean) / (std + 1e-3)).to(x.dtype)[:, None]


def mel_filters(rate: int) -> Tensor:
    """Triangular filters (mels, bins) with centers at equal distances on the mel scale, which is
    2595 log10(1 + f / 700)."""
    top = 2595 * torch.tensor(1 + rate / 2 / 700).log10()
    edges = 700 * (10 ** (torch.linspace(0, 1, MELS + 2) * top / 2595) - 1)  # in Hz
    frequencies = torch.linspace(0, rate / 2, WINDOW // 2 + 1)
    distances, widths = frequencies - edges[:, None], edges.diff()[:, None]  # in Hz
    rising, falling = distances[:-2] / widths[:-1], -distances[2:] / widths[1:]
    return torch.minimum(rising, falling).clamp(min=0)


def convolution(a: int, b: int) -> nn.Sequential:
    """Convolution with batch norm and pooling, from maps (n, a, h, w) to (n, b, h / 2, w / 2)."""
    conv = nn.Conv2d(a, b, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))


class KeywordCNN(ClassifierModule):
    """Classifier of sounds (n, 1, length) in [-1, 1] at `rate` samples a second.

    `forward` returns features (n, 64), `head` logits (n, classes). In training a band of
    frequencies and a stretch of time are masked (Park et al., 2019,
    https://arxiv.org/abs/1904.08779).
    """

    def __init__(
        self,
        length: Count = 8192,
        rate: Count = 8000,
        classes: Count = 10,
        width: Width = 16,
        lr: float = 3e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        widths = [1, width, 2 * width, 4 * width]
        self.spectrogram = LogMel(rate)
        self.body = nn.Sequential(*(convolution(a, b) for a, b in pairwise(widths)))
        self.dense = nn.Sequential(
            nn.Linear(4 * width * (MELS // 8), 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3)
        )
        self.head = nn.Linear(64, classes)
        self.to(memory_format=torch.channels_last)

    @property
    def modality(self) -> Audio:
        return Audio(self.hparams["length"], self.hparams["rate"])

    @property
    def min_sub_batch(self) -> int:
        return 2  # batch norm

    def forward(self, x: Tensor) -> Tensor:
        levels = self.spectrogram(x)
        if self.training:
            levels = masked(masked(levels, 2, BANDS), 3, FRAMES)
        return self.dense(self.body(levels).amax(3).flatten(1))  # frequencies stay apart

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])


def masked(levels: Tensor, dimension: int, most: int) -> Tensor:
    """Maps (n, 1, mels, frames), each with up to `most` consecutive bands or frames set to 0."""
    n, size = len(levels), levels.shape[dimension]
    width = torch.randint(0, most + 1, (n, 1), device=levels.device)
    start = torch.randint(0, size, (n, 1), device=levels.device)
    index = torch.arange(size, device=levels.device)
    kept = (index < start) | (index >= start + width)  # (n, size)
    return levels * kept.view(n, 1, *(-1 if d == dimension else 1 for d in (2, 3)))
