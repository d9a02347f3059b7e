"""Music in files: piano rolls as pictures, Standard MIDI Files, and sound by additive synthesis."""

import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import ImageColor
from torch import Tensor

from zoo.files import atomic_write
from zoo.plotting import pictures
from zoo.plotting.charts import PALETTE

WIDE, HIGH = 8, 3  # pixels of a step and of a pitch
PAUSE = 2  # steps of silence after each piece
TICKS = 480  # of a beat in MIDI files
TEMPO = 90  # beats in a minute
RATE = 22_050  # samples of sound in a second
HARMONICS = 6
LOUDNESS = 0.7  # the peak of a sound, at most 1


class Note(NamedTuple):
    """A pitch of MIDI from one step to another, which it no longer sounds in."""

    voice: int
    pitch: int
    start: int
    end: int


def notes(piece: Tensor) -> Iterator[Note]:
    """The notes of pitches (steps, voices) in which 0 is a rest; equal ones are held."""
    for voice, line in enumerate(piece.T.tolist()):
        start = 0
        for step in range(1, len(line) + 1):
            if step == len(line) or line[step] != line[start]:
                if line[start]:
                    yield Note(voice, line[start], start, step)
                start = step


def in_a_row(pieces: Tensor) -> Tensor:
    """Pieces (n, steps, voices) one after another, with a pause after each: (all steps, voices)."""
    pause = pieces.new_zeros(len(pieces), PAUSE, pieces.shape[2])
    return torch.cat([pieces, pause], dim=1).flatten(0, 1)


def save_rolls(pieces: Tensor, low: int, high: int, columns: int, path: Path) -> None:
    """Write piano rolls of pieces (n, steps, voices): time to the right, pitch upward, a color for
    each voice."""
    rolls = torch.full((len(pieces), 3, high - low + 1, pieces.shape[1]), 255, dtype=torch.uint8)
    for roll, piece in zip(rolls, pieces, strict=True):
        for note in notes(piece):
            color = torch.tensor(ImageColor.getrgb(PALETTE[note.voice % len(PALETTE)])[:3])
            roll[:, high - note.pitch, note.start : note.end] = color[:, None].to(torch.uint8)
    rolls = rolls.repeat_interleave(HIGH, dim=2).repeat_interleave(WIDE, dim=3)
    pictures.save(pictures.grid(rolls.float() / 127.5 - 1, columns), path)


def save_midi(pieces: Tensor, beats: float, path: Path) -> None:
    """Write pieces (n, steps, voices), one after another, as a Standard MIDI File of format 0 with
    a channel for each voice. A step has a number of beats, at 90 beats a minute."""
    events = []  # tick, and the bytes of a message; at one tick, notes end before others start
    for note in notes(in_a_row(pieces)):
        start, end = (round(step * beats * TICKS) for step in (note.start, note.end))
        events.append((start, 1, bytes([0x90 | note.voice % 16, note.pitch, 80])))
        events.append((end, 0, bytes([0x80 | note.voice % 16, note.pitch, 0])))
    track, now = b"\x00\xff\x51\x03" + (60_000_000 // TEMPO).to_bytes(3, "big"), 0
    for tick, _, message in sorted(events):
        track, now = track + variable_length(tick - now) + message, tick
    track += b"\x00\xff\x2f\x00"  # the end of the track
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    with atomic_write(path) as temporary:
        temporary.write_bytes(head + b"MTrk" + struct.pack(">I", len(track)) + track)


def variable_length(number: int) -> bytes:
    """A number in groups of seven bits, the highest first; all bytes but the last have bit 7."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def save_wav(pieces: Tensor, beats: float, path: Path) -> None:
    """Write pieces (n, steps, voices), one after another, as sound: 16 bits, mono, 22,050 Hz."""
    row = in_a_row(pieces)
    seconds = beats * 60 / TEMPO  # of a step
    sound = np.zeros(round(len(row) * seconds * RATE) + 1, np.float32)
    for note in notes(row):
        first = round(note.start * seconds * RATE)
        tone = synthesize(note.pitch, (note.end - note.start) * seconds)
        sound[first : first + len(tone)] += tone[: len(sound) - first]
    sound *= LOUDNESS / max(1e-9, float(np.abs(sound).max(initial=0)))
    with atomic_write(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((sound * 32767).round().astype("<i2").tobytes())


def synthesize(pitch: int, seconds: float) -> np.ndarray:
    """A tone: harmonics whose loudness falls with their number and with time, with a soft start
    and end."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)  # of A above middle C
    tone = np.zeros(len(time))
    for k in range(1, HARMONICS + 1):
        tone += np.sin(2 * np.pi * k * frequency * time) * k**-1.5 * np.exp(-0.5 * k * time)
    edges = np.minimum(time / 0.02, (seconds - time) / 0.05).clip(0, 1)
    return (tone * edges).astype(np.float32)
