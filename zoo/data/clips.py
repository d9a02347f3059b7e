"""Data modules of clips: moving digits, and animated pictures or folders of frames of one's own."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import ImageSequence
from PIL.Image import Resampling
from PIL.ImageOps import fit
from torch import Tensor

from zoo.core.arguments import Count
from zoo.core.modality import Clips
from zoo.data.arrays import DatasetInfo, Examples, Split, every_tenth
from zoo.data.inventory import join_faults
from zoo.data.listing import list_files
from zoo.data.memory import check_memory
from zoo.data.mnist import MNIST
from zoo.data.module import ZooDataModule
from zoo.decoding import BadPicture, opened, quiet_decoders
from zoo.errors import BadRecipe, MissingData

DIGIT = 28  # pixels a side
NUMBERS = {"train": 9_000, "test": 1_000}  # of clips
SPEED = 3.6  # pixels a frame, Srivastava et al.: a tenth of the way in which a digit can move


class ClipDataModule(ZooDataModule):
    """Batches of clips (n, given + predicted, channels, size, size) in [-1, 1], and labels
    (n, 0)."""

    own_files = "zoo.data.ClipFolder"
    recorded: ClassVar[tuple[str, ...]] = ("batch_size", "size", "given", "predicted")
    channels = 1

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 16,
        size: Count = 64,
        given: Count = 10,
        predicted: Count = 10,
    ) -> None:
        super().__init__(root, batch_size)
        self.size, self.given, self.predicted = size, given, predicted

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.given + self.predicted

    @property
    def modality(self) -> Clips:
        return Clips((self.channels, self.size, self.size), self.frames, self.given)

    def model_arguments(self) -> dict[str, object]:
        return {"size": self.size, "channels": self.channels}


class MovingMNIST(ClipDataModule):
    """Two digits of MNIST that move at constant speed and bounce off the borders: 9,000 clips of
    training digits and 1,000 of test digits, generated from fixed seeds.

    Srivastava, Mansimov & Salakhutdinov, 2015, https://arxiv.org/abs/1502.04681. Raises BadRecipe
    for a size below 32.
    """

    source = DatasetInfo(
        "Moving MNIST",
        "http://yann.lecun.com/exdb/mnist",
        "CC BY-SA 3.0, by LeCun & Cortes",
        "Apache-2.0",
    )
    digits: ClassVar = 2

    def read(self, split: Split) -> Examples:
        if self.size < DIGIT + 4:
            raise BadRecipe(f"size must be >= {DIGIT + 4}, got {self.size}. The default is 64")
        images = MNIST(self.given_root, 28).examples(split).values[:, 0]
        random = np.random.RandomState(0 if split == "train" else 1)  # the same on all machines
        n = NUMBERS[split]
        clips = torch.zeros(n, self.frames, 1, self.size, self.size, dtype=torch.uint8)
        for _ in range(self.digits):
            shown = images[torch.from_numpy(random.randint(len(images), size=n))]
            corners = trajectories(random, n, self.frames, self.size - DIGIT)
            for clip, digit, path in zip(clips[:, :, 0], shown, corners.tolist(), strict=True):
                for frame, (top, left) in zip(clip, path, strict=True):
                    place = frame[top : top + DIGIT, left : left + DIGIT]
                    torch.maximum(place, digit, out=place)
        return Examples(clips, torch.empty(n, 0))


def trajectories(random: np.random.RandomState, n: int, frames: int, reach: int) -> np.ndarray:
    """Corners (n, frames, 2) from 0 to `reach` of digits that bounce off the borders."""
    angle = random.uniform(0, 2 * np.pi, (n, 1))
    start = random.uniform(0, reach, (n, 1, 2))
    speed = SPEED * np.stack([np.sin(angle), np.cos(angle)], 2)
    free = start + speed * np.arange(frames)[:, None]  # as if there were no borders
    folded = np.abs((free + reach) % (2 * reach) - reach)
    return folded.round().astype(np.int64)


class ClipFolder(ClipDataModule):
    """Clips of your own below `root`: animated GIF, PNG and WebP files, and folders of numbered
    pictures, each one recording. A recording is cut into clips that do not overlap; every tenth
    recording is in the test split, or every tenth clip of a single one.

    `channels` is 3, or 1 for gray. Raises BadRecipe without a root, for unreadable files and for
    recordings that are all shorter than a clip.
    """

    source = DatasetInfo("your own clips", "not published", "unknown", "unknown")
    own_paths = ("root",)
    recorded = ("batch_size", "size", "given", "predicted", "channels")

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 16,
        size: Count = 64,
        given: Count = 10,
        predicted: Count = 10,
        channels: int = 3,
    ) -> None:
        super().__init__(root, batch_size, size, given, predicted)
        if channels not in (1, 3):
            raise BadRecipe(f"channels must be 1 or 3, got {channels}. 1 is gray, 3 is color")
        self.channels = channels
        if root:
            self.source = self.source.named(self.root.resolve(), "clips")

    def read(self, split: Split) -> Examples:
        if not self.given_root:
            raise BadRecipe(
                "root must be a folder of clips, got none. Name it by `zoo fit NAME --data FOLDER`"
            )
        recordings = [part for part in self.recordings() if len(part)]
        if not recordings:
            raise BadRecipe(
                f"recordings below {self.root.absolute()} must have at least {self.frames} frames, "
                "got shorter ones. Reduce --data.init_args.given and --data.init_args.predicted"
            )
        if len(recordings) == 1:
            clips = recordings[0][every_tenth(len(recordings[0]), split)]
        else:
            kept = every_tenth(len(recordings), split).tolist()
            clips = torch.cat([recordings[i] for i in kept])
        return Examples(clips, torch.empty(len(clips), 0))

    def recordings(self) -> list[Tensor]:
        """The clips (n, frames, channels, size, size) in uint8 of each recording."""
        files = list_files(self.root).files
        if not files:
            raise MissingData(f"there are no pictures below {self.root.absolute()}. Name another")
        found, faults, frames = list[Tensor](), dict[str, str](), dict[Path, list[Tensor]]()
        with quiet_decoders():
            for path in files:
                try:
                    images = read_frames(path, self.size, self.channels)
                except BadPicture as fault:
                    faults[str(path.relative_to(self.root))] = str(fault)
                    continue
                if len(images) > 1:
                    found.append(images)
                else:
                    frames.setdefault(path.parent, []).append(images[0])
                about = len(images) * len(files)  # frames, if all files are as long
                needed = 2 * about * self.channels * self.size**2
                check_memory(f"about {about:,} frames", needed, "Reduce --data.init_args.size")
        if faults:
            raise BadRecipe(
                f"clips below {self.root.absolute()} must be readable, got {len(faults)} "
                f"unreadable: {join_faults(faults)}. Repair or remove them"
            )
        found += [torch.stack(images) for images in frames.values()]
        return [cut(recording, self.frames) for recording in found]


def read_frames(path: Path, size: int, channels: int) -> Tensor:
    """All frames (t, channels, size, size) of a file in uint8, as center squares; raises
    BadPicture."""
    mode = "RGB" if channels == 3 else "L"
    with opened(path) as image:
        squares = [
            np.asarray(fit(frame.convert("RGBA"), (size, size), Resampling.BILINEAR).convert(mode))
            for frame in ImageSequence.Iterator(image)
        ]
    stacked = torch.from_numpy(np.stack(squares))
    return stacked.movedim(3, 1) if channels == 3 else stacked[:, None]


def cut(frames: Tensor, length: int) -> Tensor:
    """Frames (t, ...) as clips (n, length, ...) that follow each other."""
    n = len(frames) // length
    return frames[: n * length].unflatten(0, (n, length)) if n else frames[:0, None]
