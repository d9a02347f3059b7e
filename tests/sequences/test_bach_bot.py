"""BachBot: its tokens and likelihood; chorales; piano rolls, MIDI files and sound."""

import json
import wave
from itertools import product
from pathlib import Path

import pytest
import torch
from toys import fails

import zoo
from zoo.cli import main
from zoo.core.modality import Music
from zoo.data import JSBChorales
from zoo.errors import BadRecipe, MissingData
from zoo.plotting import pictures
from zoo.plotting.scores import Note, notes, save_midi, save_rolls, save_wav, variable_length
from zoo.sequences import BachBot

PIECE = torch.tensor([[[60, 0], [60, 40], [62, 40]]], dtype=torch.uint8)  # three steps, two voices


def chorales(folder: Path, **changes: object) -> Path:
    """A file of scales: step i of the chorale of pitch p is p + i, held for a quarter."""
    scale = [[60 + step // 4, 55, 50, -1 if step < 4 else 43] for step in range(40)]
    (folder / "jsb_chorales").mkdir()
    content = {"train": [scale, scale[:20]], "valid": [], "test": [scale] * 8} | changes
    (folder / "jsb_chorales" / "Jsb16thSeparated.json").write_text(json.dumps(content))
    return folder


def test_tokens_are_those_of_their_voice_and_invert() -> None:
    modality = Music(voices=2, low=40, high=62)
    tokens = modality.normalize(PIECE)
    assert tokens.tolist() == [[21, 24, 21, 25, 23, 25]]  # 24 tokens of each voice, 0 is its rest
    assert torch.equal(modality.store(tokens), PIECE)
    values, _ = modality.toy(3)
    assert torch.equal(modality.store(modality.normalize(values)), values)


def test_a_step_has_one_note_of_each_voice_in_their_order() -> None:
    """The probabilities of all steps that start a piece sum to 1; other orders have none."""
    torch.manual_seed(0)
    model = BachBot(low=60, high=61, width=8).eval()
    tokens = torch.tensor([*product(*(range(3 * v, 3 * v + 3) for v in range(4)))])
    assert float(model.log_prob(tokens).exp().sum()) == pytest.approx(1, abs=1e-5)
    assert model.log_prob(tokens.flip(1)).max() == -torch.inf
    sample = model.sample(6, seed=0, length=5)
    assert sample.shape == (6, 20)
    assert torch.equal(sample // 3, torch.arange(4).repeat(5).expand(6, -1))
    with pytest.raises(BadRecipe, match="low"):
        BachBot(low=90, high=80)


def test_chorales_are_quarters_in_all_keys(tmp_path: Path) -> None:
    """Each begins with a step of silence."""
    data = JSBChorales(str(chorales(tmp_path)), batch_size=2, length=4)
    test = data.sequence("test")[:11]
    assert test[0].tolist() == [0, 0, 0, 0]
    assert test[1].tolist() == [60, 55, 50, 0]
    assert test[2:, 0].tolist() == [*range(61, 70)]
    train = data.sequence("train")
    assert len(train) == 11 * (10 + 5 + 2)
    assert sorted(set(train[train[:, 1] > 0, 1].tolist())) == [*range(50, 61)]
    assert len(JSBChorales(str(tmp_path), transpose=0, quarters=False).sequence("train")) == 62


@pytest.mark.parametrize(
    "wrong", [[[[60, 60, 60]]], [[[200] * 4]], [[["a"] * 4]], "no", [[[0.5] * 4]]]
)
def test_invalid_chorales(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="damaged"):
        JSBChorales(str(chorales(tmp_path, test=wrong))).examples("test")
    with pytest.raises(BadRecipe, match=r"transpose.*7"):
        JSBChorales(transpose=7)


def test_equal_pitches_are_one_note() -> None:
    assert [*notes(PIECE[0])] == [Note(0, 60, 0, 2), Note(0, 62, 2, 3), Note(1, 40, 1, 3)]


def test_numbers_of_midi_files() -> None:
    """The examples of the standard."""
    for number, found in ((0, "00"), (0x7F, "7f"), (0x80, "8100"), (0x0FFFFFFF, "ffffff7f")):
        assert variable_length(number).hex() == found


def test_a_midi_file_is_that_of_the_standard(tmp_path: Path) -> None:
    save_midi(PIECE, 1.0, tmp_path / "a.mid")
    content = (tmp_path / "a.mid").read_bytes()
    assert content[:14].hex() == "4d546864000000060000000101e0"
    assert int.from_bytes(content[18:22], "big") == len(content) - 22
    events = "00903c5083609128508360803c0000903e508360803e000081280000ff2f00"
    assert content[29:].hex() == events


def test_sound_has_the_frequency_of_its_notes(tmp_path: Path) -> None:
    a = torch.full((1, 4, 1), 69, dtype=torch.uint8)
    save_wav(a, 1.0, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        content = bytearray(file.readframes(22_050))
    spectrum = torch.frombuffer(content, dtype=torch.int16).float()
    assert spectrum.abs().max() < 2**15
    assert int(torch.fft.rfft(spectrum).abs().argmax()) == 440


def test_a_roll_shows_pitch_and_time(tmp_path: Path) -> None:
    save_rolls(PIECE, 40, 62, 1, tmp_path / "a.png")
    picture = pictures.read(tmp_path / "a.png")
    inner = picture[:, 2:-2, 2:-2][:, ::2, ::2]  # small pictures are enlarged
    assert inner.shape == (3, 23 * 3, 3 * 8)
    colored = (inner != 255).any(0)[1::3, 4::8]
    assert colored.nonzero().tolist() == [[0, 2], [2, 0], [2, 1], [22, 1], [22, 2]]


def test_samples_are_written_in_each_format(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    zoo.save(BachBot(width=8, length=4), path)
    for ending in (".png", ".mid", ".wav", ".npy"):
        target = tmp_path / f"x{ending}"
        main(["sample", str(path), "-n", "2", "--length", "3", "--to", str(target)])
        assert target.stat().st_size > 60
    assert ".mid" in fails("sample", str(path), "--to", "x.mp3")
