"""Sounds: .wav files of every width and rate, faults of files, the splits of spoken digits."""

import struct
import wave
from pathlib import Path

import pytest
import torch

from zoo import waveforms
from zoo.core.modality import Audio
from zoo.core.modality.audio import spectrograms
from zoo.data import AudioFolder, SpokenDigits
from zoo.errors import BadInput, BadRecipe, MissingData, ZooError
from zoo.waveforms import BadSound


def tone(hertz: float, rate: int, seconds: float = 0.25) -> torch.Tensor:
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(int(rate * seconds)) / rate)


def write(path: Path, x: torch.Tensor, rate: int, width: int = 2, channels: int = 1) -> Path:
    """Write x (t,), the same in every channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = (x * (2 ** (8 * width - 1) - 1)).round().long() + (128 if width == 1 else 0)
    data = [int(v).to_bytes(width, "little", signed=width > 1) * channels for v in levels]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"".join(data))
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_pcm_of_any_width_is_read(width: int, channels: int, tmp_path: Path) -> None:
    x = tone(440, 8000)
    path = write(tmp_path / "a.wav", x, 8000, width, channels)
    assert torch.allclose(waveforms.read(path, 8000), x, atol=2.0 ** (2 - 8 * width) + 1e-6)


def test_floats_and_extensible_headers_are_read(tmp_path: Path) -> None:
    x = tone(440, 8000)
    data = x.numpy().astype("<f4").tobytes()
    kind = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 32000, 4, 32) + struct.pack(
        "<HHIH", 22, 32, 4, 3
    )
    kind = kind.ljust(40, b"\0")
    chunks = b"LIST\x03\0\0\0abc\0" + b"fmt " + struct.pack("<I", 40) + kind
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks)
    assert torch.equal(waveforms.read(path, 8000), x)


@pytest.mark.parametrize("rate", [4000, 11025, 44100])
def test_another_rate_is_resampled(rate: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(500, rate), rate)
    found, wanted = waveforms.read(path, 8000), tone(500, 8000)
    assert abs(len(found) - len(wanted)) <= 2
    inner = slice(100, len(wanted) - 100)  # edges ring
    assert torch.allclose(found[inner], wanted[inner], atol=0.02)


def test_frequencies_above_the_limit_vanish(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(6000, 16000), 16000)
    assert waveforms.read(path, 8000).abs().max() < 0.02


def test_no_more_is_read_than_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", tone(500, 8000, 5), 8000)
    assert torch.equal(waveforms.read(path, 8000, 100), waveforms.read(path, 8000)[:100])


def damaged(path: Path, kind: str) -> Path:
    write(path, tone(500, 8000), 8000)
    content = path.read_bytes()
    changes = {
        "empty": b"",
        "text": b"this is no sound, but a text that somebody named so",
        "no samples": content[:40] + struct.pack("<I", 0),
        "truncated": content[:-100],
        "compressed": content[:20] + struct.pack("<H", 85) + content[22:],
        "no channels": content[:22] + struct.pack("<H", 0) + content[24:],
        "no data": content[:36],
    }
    path.write_bytes(changes[kind])
    return path


KINDS = ["empty", "text", "no samples", "truncated", "compressed", "no channels", "no data"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named(kind: str, tmp_path: Path) -> None:
    path = damaged(tmp_path / "sounds" / "bad.wav", kind)
    with pytest.raises(BadSound):
        waveforms.read(path, 8000)
    write(path.with_name("good.wav"), tone(500, 8000), 8000)
    with pytest.raises(BadRecipe, match=r"1 unreadable of 2: bad\.wav"):
        AudioFolder(str(path.parent)).examples("train")


def test_a_folder_has_a_class_for_each_subfolder(tmp_path: Path) -> None:
    for i in range(20):
        write(tmp_path / "ab"[i % 2] / f"{i:02}.wav", tone(300 + i, 16000) / 4, 16000)
    data = AudioFolder(str(tmp_path), length=2048, rate=8000, labels=True)
    train, test = data.examples("train"), data.examples("test")
    assert (len(train.values), len(test.values)) == (18, 2)
    assert train.values.shape[1:] == (1, 2048)
    assert set(train.labels.tolist()) == {0, 1}
    x = data.modality.normalize(train.values)
    assert torch.allclose(x.abs().amax((1, 2)), torch.ones(18), atol=1e-3)  # peak
    assert not x[:, :, 2001:].any()  # silence after a quarter of a second


def test_a_folder_must_have_sounds(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"\.wav"):
        AudioFolder(str(tmp_path)).examples("train")
    with pytest.raises(BadRecipe, match="root"):
        AudioFolder().examples("train")


@pytest.fixture
def digits(tmp_path: Path) -> str:
    for digit in range(2):
        for speaker in SpokenDigits.speakers:
            for take in range(7):
                name = f"{digit}_{speaker}_{take}.wav"
                write(tmp_path / "spoken_digits" / name, tone(300 + 100 * digit, 8000), 8000)
    write(tmp_path / "spoken_digits" / "other.wav", tone(300, 8000), 8000)
    return str(tmp_path)


def test_the_official_split_is_by_take(digits: str) -> None:
    data = SpokenDigits(digits)
    assert (data.count("train"), data.count("test")) == (2 * 6 * 2, 2 * 6 * 5)
    assert data.examples("test").labels.bincount().tolist() == [30, 30]


def test_a_speaker_is_in_one_split(digits: str) -> None:
    data = SpokenDigits(digits, test_speaker="theo")
    assert (data.count("train"), data.count("test")) == (2 * 5 * 7, 2 * 7)
    with pytest.raises(BadRecipe, match=r"test_speaker.*nobody"):
        SpokenDigits(digits, test_speaker="nobody")


def test_a_file_of_sounds_has_a_sheet_of_spectrograms(tmp_path: Path) -> None:
    modality = Audio(2048, 8000)
    x = modality.normalize(modality.toy(4)[0])
    modality.render(x, tmp_path / "a.wav", 2)
    assert (tmp_path / "a.png").is_file()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() == 4 * (2048 + 2000)  # a quarter of a second of silence
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
    assert torch.equal(waveforms.read(tmp_path / "a.wav", 8000, 2048), x[0, 0])
    modality.render(x + 0.001, tmp_path / "b.wav")
    modality.compare(tmp_path / "a.wav", tmp_path / "b.wav")
    modality.render(x + 0.1, tmp_path / "c.wav")
    with pytest.raises(ZooError, match=r"c\.wav"):
        modality.compare(tmp_path / "a.wav", tmp_path / "c.wav")


def test_a_tone_is_a_line_in_its_spectrogram() -> None:
    image = spectrograms(tone(1000, 8000, 1)[None, None])[0, 0]
    assert image.shape[0] == 129
    rows = image.mean(1)  # dark is -1
    assert 128 - int(rows.argmin()) == 32  # of 128 bins up to 4 kHz


def test_sounds_of_another_shape_are_rejected() -> None:
    modality = Audio(16, 8000)
    for x in (torch.zeros(2, 1, 15), torch.zeros(2, 16), torch.full((1, 1, 16), torch.nan)):
        with pytest.raises(BadInput, match="sounds"):
            modality.check(x)
    with pytest.raises(BadRecipe, match="rate"):
        modality.check_data(Audio(16, 16000))
