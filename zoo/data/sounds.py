"""Data modules of sounds: a folder of .wav files, and the Free Spoken Digit Dataset."""

import io
import re
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple
from zipfile import ZipFile

import torch
from torch import Tensor
from torch.nn.functional import pad
from tqdm import tqdm

from zoo import waveforms
from zoo.core.arguments import Count
from zoo.core.modality import Audio
from zoo.data.arrays import DatasetInfo, Examples, Split, every_tenth
from zoo.data.downloads import fetch, write
from zoo.data.inventory import join_faults
from zoo.data.listing import list_files
from zoo.data.memory import check_memory
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe, MissingData
from zoo.waveforms import BadSound

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
ARCHIVE = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.zip"
RECORDING = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav", re.ASCII)
LARGEST = 2**27  # bytes of the archive, and of a recording in it
TEST_TAKES = 5  # takes 0 to 4 of each speaker and digit are the official test split


class Recording(NamedTuple):
    """A file whose name states the digit, the speaker and the take."""

    path: Path
    digit: int
    speaker: str
    take: int


class SoundDataModule(ZooDataModule):
    """Batches of sounds (n, 1, length) in [-1, 1], each scaled to a peak of 1, with labels, (n, 0)
    by default.

    A sound is the beginning of a recording, mixed down to mono and resampled to `rate`; silence
    follows a shorter one. `labels` adds the labels to the batches.
    """

    recorded: ClassVar[tuple[str, ...]] = ("length", "rate", "batch_size", "labels")
    own_files = "zoo.data.AudioFolder"

    def __init__(
        self,
        root: str | None = None,
        length: Count = 16384,
        rate: Count = 16000,
        batch_size: Count = 64,
        labels: bool = False,
    ) -> None:
        super().__init__(root, batch_size)
        if length < 1 or not 1 <= rate <= waveforms.RATE:
            raise BadRecipe(
                f"length must be >= 1 and rate 1 to {waveforms.RATE:,}, got {length} and {rate}. "
                "The defaults are 16384 samples at 16000 a second"
            )
        self.length, self.rate, self.labels = length, rate, labels

    @property
    def modality(self) -> Audio:
        return Audio(self.length, self.rate)

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """The recordings, in their order."""

    @cached_property
    def sounds(self) -> Tensor:
        """All recordings (n, 1, length) in int16; raises BadRecipe for an unreadable file, and
        where they need more than the free memory."""
        what = f"{len(self.files):,} sounds of {self.length} samples"
        check_memory(what, 3 * 2 * len(self.files) * self.length, "Reduce length")
        found = torch.zeros(len(self.files), 1, self.length, dtype=torch.int16)
        faults = dict[str, str]()
        for i, path in enumerate(tqdm(self.files, "sounds", leave=False, disable=None, delay=2)):
            try:
                found[i, 0] = self.modality.store(self.decode(path))
            except BadSound as fault:
                faults[str(path.relative_to(self.root))] = str(fault)
        if faults:
            raise BadRecipe(
                f"sounds below {self.root.absolute()} must be readable, got {len(faults)} "
                f"unreadable of {len(self.files)}: {join_faults(faults)}. Repair or remove them"
            )
        return found

    def decode(self, path: Path) -> Tensor:
        """A waveform (length,) with a peak of 1; silence stays."""
        x = waveforms.read(path, self.rate, self.length)
        return pad(x / x.abs().max().clamp(min=1e-4), (0, self.length - len(x)))

    def batch_examples(self, split: Split) -> Examples:
        values, labels = self.examples(split)
        return Examples(values, labels if self.labels else torch.empty(len(labels), 0))


class AudioFolder(SoundDataModule):
    """All .wav files below `root`. A label is the index of the file's folder in alphabetical order;
    every tenth file is in the test split. Raises BadRecipe without a root and for unreadable files,
    MissingData where there are no files."""

    source = DatasetInfo("your own sounds", "not published", "unknown", "unknown")
    extractor = "spectrograms"
    own_paths = ("root",)
    reference = "train"

    def __init__(
        self,
        root: str | None = None,
        length: Count = 16384,
        rate: Count = 16000,
        batch_size: Count = 64,
        labels: bool = False,
    ) -> None:
        super().__init__(root, length, rate, batch_size, labels)
        if root:
            self.source = self.source.named(self.root.resolve(), "sounds")

    @cached_property
    def files(self) -> list[Path]:
        if not self.given_root:
            raise BadRecipe(
                "root must be a folder of .wav files, got none. Name yours by --data.init_args.root"
            )
        found = list_files(self.root, waveforms.ENDINGS).files
        if not found:
            raise MissingData(
                f"there are no .wav files below {self.root.absolute()}. Convert other formats, for "
                "example by `ffmpeg -i sound.mp3 sound.wav`"
            )
        return found

    def model_arguments(self) -> dict[str, object]:
        found: dict[str, object] = {"length": self.length, "rate": self.rate}
        if self.labels:
            found["classes"] = len({path.parent for path in self.files})
        return found

    def limit_to(self, n: int, root: str) -> None:
        if not self.given_root:
            self.splits = {"train": self.toy(n), "test": self.toy(n)}
        super().limit_to(n, root)

    def read(self, split: Split) -> Examples:
        folders = {path: i for i, path in enumerate(sorted({p.parent for p in self.files}))}
        labels = torch.tensor([folders[path.parent] for path in self.files])
        indices = every_tenth(len(labels), split)
        return Examples(self.sounds[indices], labels[indices])


class SpokenDigits(SoundDataModule):
    """Free Spoken Digit Dataset: 3,000 recordings of ten English digits by six speakers at 8 kHz,
    of which the first 8,192 samples are taken.

    The test split has the takes 0 to 4 of each speaker and digit, as its authors advise; with
    `test_speaker` it has all recordings of one speaker, and the training none of them. Raises
    BadRecipe for an unknown speaker.
    """

    source = DatasetInfo(
        "Free Spoken Digit Dataset",
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
        "CC BY-SA 4.0, by Zohar Jackson et al.",
        "CC-BY-SA-4.0",
    )
    extractor = "cnn-spoken-digits"
    classes = tuple("0123456789")
    recorded = ("batch_size", "labels", "test_speaker")
    speakers: ClassVar = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 64,
        labels: bool = False,
        test_speaker: str | None = None,
    ) -> None:
        super().__init__(root, 8192, 8000, batch_size, labels)
        if test_speaker not in (None, *self.speakers):
            raise BadRecipe(
                f"test_speaker must be one of {', '.join(self.speakers)}, got {test_speaker}. "
                "Null is the official split"
            )
        self.test_speaker = test_speaker

    @cached_property
    def recordings(self) -> list[Recording]:
        """The files below `root` in the order of digit, speaker and take."""
        folder = self.root / "spoken_digits"
        names = [p for p in folder.glob("*.wav") if RECORDING.fullmatch(p.name)]
        parts = [(p, *RECORDING.fullmatch(p.name).groups()) for p in names]  # type: ignore[union-attr]
        found = [Recording(p, int(digit), who, int(take)) for p, digit, who, take in parts]
        return sorted(found, key=lambda r: (r.digit, r.speaker, r.take))

    @property
    def files(self) -> list[Path]:
        return [recording.path for recording in self.recordings]

    def download(self) -> None:
        folder = self.root / "spoken_digits"
        if any(folder.glob("*.wav")):
            return
        beside = folder.with_name("spoken_digits.part")  # so that an interruption leaves no part
        with ZipFile(io.BytesIO(fetch(ARCHIVE, LARGEST))) as archive:
            for entry in archive.infolist():
                name = entry.filename.rpartition("/")[2]
                if RECORDING.fullmatch(name) and entry.file_size < LARGEST:
                    write(archive.read(entry), beside / name)
        beside.rename(folder)

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        if not self.recordings:
            raise MissingData(f"there are no recordings in {self.root / 'spoken_digits'}")
        is_test = torch.tensor([
            r.take < TEST_TAKES if self.test_speaker is None else r.speaker == self.test_speaker
            for r in self.recordings
        ])  # fmt: skip
        chosen = is_test if split == "test" else ~is_test
        labels = torch.tensor([recording.digit for recording in self.recordings])
        return Examples(self.sounds[chosen], labels[chosen])
