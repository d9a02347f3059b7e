"""Safe decoding of .wav files to mono waveforms, and their writing.

A RIFF file is a list of chunks, of which `fmt ` and `data` are read. Nothing in it is executed, and
no more of the samples is read than the caller takes.
"""

import math
import struct
import sys
import wave
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from zoo.files import atomic_write

ENDINGS = (".wav", ".wave")
CHANNELS, RATE, CHUNKS = 64, 768_000, 1000  # the most of each in a file
MARGIN = 0.1  # seconds that are read beyond those that are kept, for the edge of a resampling
PEAK = 32768  # 16-bit PCM at x = 1
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # format tags


class BadSound(Exception):
    """Reason why a sound cannot be decoded, a predicate that follows the name of the file."""


class Format(NamedTuple):
    """The format of a file: tag, channels, samples a second, bytes a sample."""

    tag: int
    channels: int
    rate: int
    width: int


def read(path: Path, rate: int, length: int | None = None) -> Tensor:
    """The first `length` samples at `rate` of a .wav file as a waveform (t,) in [-1, 1], or all.

    Channels are averaged; another rate is resampled. PCM of 8, 16, 24 or 32 bits, or 32-bit floats.
    Raises BadSound for other, empty and truncated files.
    """
    try:
        with path.open("rb") as file:
            found, size = find_data(file)
            frame = found.width * found.channels
            most = size // frame if length is None else int((length / rate + MARGIN) * found.rate)
            wanted = min(size, (most + 1) * frame) // frame * frame
            data = file.read(wanted)
    except OSError as error:
        raise BadSound(f"cannot be read ({error.strerror or error})") from error
    if not wanted:
        raise BadSound("has no samples")
    if len(data) < wanted:
        raise BadSound(f"is truncated: its header states {size:,} bytes of samples")
    samples = decode(data, found).reshape(-1, found.channels).mean(1)
    if not np.isfinite(samples).all():
        raise BadSound("has samples that are NaN or infinite")
    waveform = torch.from_numpy(samples).clamp(-1, 1)
    return resample(waveform, found.rate, rate)[:length].float()


def find_data(file: IO[bytes]) -> tuple[Format, int]:
    """The format of an open file and the size of its samples in bytes, at their beginning."""
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise BadSound("is not a .wav file (RIFF/WAVE)")
    found: Format | None = None
    for _ in range(CHUNKS):
        if len(head := file.read(8)) < 8:
            break
        name, size = struct.unpack("<4sI", head)
        if name == b"data" and found:
            return found, size
        if name == b"fmt ":
            found = parse_format(file.read(min(size, 40)))
            size -= min(size, 40)
        file.seek(size + size % 2, 1)  # chunks begin at even bytes
    raise BadSound("has no samples: the chunk `fmt ` or `data` is missing")


def parse_format(chunk: bytes) -> Format:
    """The format in a chunk `fmt `; raises BadSound for those that `read` does not decode."""
    if len(chunk) < 16:
        raise BadSound("has a damaged header")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack("<H", chunk[24:26])[0]
    if (tag, bits) not in [(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32)]:
        raise BadSound(
            f"must be PCM of 8, 16, 24 or 32 bits or 32-bit floats, got format {tag} of {bits} bits"
        )
    if not (1 <= channels <= CHANNELS and 1 <= rate <= RATE):
        raise BadSound(
            f"must have 1 to {CHANNELS} channels and 1 to {RATE:,} samples a second, got "
            f"{channels} and {rate:,}"
        )
    return Format(tag, channels, rate, bits // 8)


def decode(data: bytes, found: Format) -> np.ndarray:
    """Little-endian samples as float64 in [-1, 1)."""
    if found.tag == FLOAT:
        return np.frombuffer(data, "<f4").astype(np.float64)
    if found.width == 1:  # the only unsigned width
        return np.frombuffer(data, np.uint8) / 128.0 - 1
    padded = np.zeros((len(data) // found.width, 4), np.uint8)
    padded[:, 4 - found.width :] = np.frombuffer(data, np.uint8).reshape(-1, found.width)
    return padded.view("<i4")[:, 0] / 2.0**31


def resample(x: Tensor, rate: int, target: int) -> Tensor:
    """A waveform (t,) at another rate: frequencies above both Nyquist limits are removed."""
    if rate == target:
        return x
    step = rate // math.gcd(rate, target)  # samples that last a whole number of new ones
    padded = pad(x, (0, -len(x) % step))
    length = len(padded) * target // rate
    spectrum = torch.fft.rfft(padded)[: length // 2 + 1]  # irfft pads a shorter one with zeros
    found = torch.fft.irfft(spectrum, n=length) * (length / len(padded))
    return found[: -(-len(x) * target // rate)].clamp(-1, 1)


def write(samples: Tensor, path: Path, rate: int) -> None:
    """Write 16-bit PCM samples (t,) in int16 as a mono .wav file, atomically."""
    data = samples.cpu().numpy().astype("<i2", copy=sys.byteorder == "big").tobytes()
    with atomic_write(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(data)
