"""Sounds: mono waveforms at a stated rate."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from zoo import waveforms
from zoo.checks import check_sounds
from zoo.core.modality.base import Mismatch, Modality
from zoo.errors import ZooError
from zoo.plotting import pictures
from zoo.waveforms import PEAK, BadSound

GAP = 0.25  # seconds of silence after each sound of a file
WINDOW = 256  # samples of a Fourier transform
FRAMES = 128  # columns of a spectrogram
RANGE = 70.0  # dB between white and black
TOLERANCE = PEAK // 256  # largest difference of equal sounds: rounding on another machine


@dataclass(frozen=True)
class Audio(Modality):
    """Mono sounds (n, 1, length) in [-1, 1] at `rate` samples a second, stored as 16-bit PCM in
    int16. A file of them is a .wav, one sound after another, with a sheet of their spectrograms in
    the .png beside it."""

    length: int
    rate: int
    noun: ClassVar[str] = "sounds"
    suffix: ClassVar[str] = ".wav"
    columns: ClassVar[int] = 4

    def normalize(self, values: Tensor) -> Tensor:
        return values.float() / PEAK

    def store(self, samples: Tensor) -> Tensor:
        return (samples * PEAK).round().clamp(-PEAK, PEAK - 1).to(torch.int16)

    def check(self, samples: Tensor) -> None:
        check_sounds(samples, self.length)

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        pitch = torch.rand(n, 1, 1, generator=generator) * 0.2  # cycles a sample
        tones = torch.sin(2 * torch.pi * pitch * torch.arange(self.length))
        return self.store(tones * 0.5), torch.arange(n) % 10

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Audio):
            return self.other_kind(data)
        return self.first_difference(data, ("rate", "length"))

    def images(self, samples: Tensor) -> Tensor:
        return spectrograms(samples)

    def render(self, samples: Tensor, path: Path, columns: int = 4) -> None:
        silence = round(GAP * self.rate)
        waveforms.write(pad(self.store(samples), (0, silence)).flatten(), path, self.rate)
        pictures.save(pictures.grid(self.images(samples), columns), path.with_suffix(".png"))

    def compare(self, path: Path, other: Path) -> str:
        one, two = (self.read_file(file) for file in (path, other))
        if one.shape != two.shape:
            raise ZooError(f"{other} must have {len(one)} samples, got {len(two)}. Export it again")
        off = int((one - two).abs().max())
        if off > TOLERANCE:
            raise ZooError(f"{other} must be what seed 0 gives, got samples off by {off} of {PEAK}")
        return f"off by {off} of {PEAK} at most"

    def read_file(self, path: Path) -> Tensor:
        """The samples (t,) of a rendered file in int32; raises ZooError for another file."""
        try:
            return self.store(waveforms.read(path, self.rate)).int()
        except BadSound as error:
            raise ZooError(f"{path} {error}. Write it again") from error


def spectrograms(samples: Tensor) -> Tensor:
    """Log-power spectrograms (n, 1, 129, frames) in [-1, 1] of sounds (n, 1, t): low frequencies
    at the bottom, 70 dB from white to black, which is the loudest of each sound."""
    x = samples.detach().float().flatten(1)
    hop = max(1, x.shape[1] // FRAMES)
    window = torch.hann_window(WINDOW, device=x.device)
    padded = pad(x, (WINDOW // 2, WINDOW // 2))
    bins = torch.stft(padded, WINDOW, hop, window=window, center=False, return_complex=True)
    decibels = 10 * bins.abs().square().clamp(min=1e-10).log10()
    below = (decibels.amax((1, 2), keepdim=True) - decibels).clamp(max=RANGE)
    return (2 * below / RANGE - 1).flip(1)[:, None]
