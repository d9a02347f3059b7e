"""Data modules of pairs of images: an input and its target, augmented alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from PIL import Image
from PIL.Image import Resampling
from PIL.ImageOps import fit
from torch import Tensor
from torch.nn.functional import interpolate
from tqdm import tqdm

from zoo.core.arguments import Count
from zoo.core.modality import ImagePairs
from zoo.data.arrays import Examples, Split, every_tenth, random_flip
from zoo.data.inventory import join_faults
from zoo.data.listing import list_files
from zoo.data.memory import check_memory
from zoo.data.module import ZooDataModule
from zoo.decoding import BadPicture, opened, quiet_decoders, upright, workers
from zoo.errors import BadRecipe

ENLARGED = 286 / 256  # of an image before it is cropped to its size, Isola et al., section 6.2
HELD_OUT = ("test", "val")  # folders of the test split


PairFiles = tuple[Path, ...]  # one file of both sides, or the input and its target


class Pair(NamedTuple):
    """An input and its target, each (3, size, size) in uint8."""

    input: np.ndarray
    target: np.ndarray


class ImagePairDataModule(ZooDataModule, ABC):
    """Batches of inputs and targets, both (n, 3, size, size) in [-1, 1].

    `reverse` exchanges inputs and targets. In training, `jitter` enlarges each pair by 286/256 and
    crops it at a random position, `mirror` flips half of the pairs. A subclass decodes a pair. The
    test split is the folder `test` or `val` beside `train`, else every tenth pair. Raises BadRecipe
    for pairs that need more than the free memory.
    """

    extractor = "squeezenet"
    default_size: ClassVar[int] = 256
    input_mode: ClassVar[str] = "bilinear"  # interpolation of inputs
    recorded: ClassVar[tuple[str, ...]] = ("size", "batch_size", "reverse", "jitter", "mirror")

    def __init__(
        self,
        root: str | None = None,
        size: Count | None = None,
        batch_size: Count = 1,
        reverse: bool = False,
        jitter: bool = False,
        mirror: bool = False,
    ) -> None:
        super().__init__(root, batch_size)
        if size is not None and size < 1:
            raise BadRecipe(f"size must be >= 1, got {size}. The default is {self.default_size}")
        self.size = size or self.default_size
        self.reverse, self.jitter, self.mirror = reverse, jitter, mirror

    @property
    def modality(self) -> ImagePairs:
        shape = 3, self.size, self.size
        return ImagePairs(shape, shape)

    @property
    def folder(self) -> Path:
        """The folder of the pairs."""
        return self.root

    def list_pairs(self, folder: Path) -> list[PairFiles]:
        """The files of each pair below a folder: each file holds both sides. A subclass with two
        files raises BadPicture for one without a partner."""
        return [(file,) for file in list_files(folder).files]

    @abstractmethod
    def decode(self, files: PairFiles) -> Pair:
        """The pair in files; raises BadPicture."""

    def read(self, split: Split) -> Examples:
        self.prepare_data()
        files = self.split_files(split)
        if not files:
            raise BadPicture(f"there are no pairs of the {split} split in {self.folder.absolute()}")
        what, needed = f"{len(files):,} pairs at {self.size} x {self.size}", 2 * 3 * self.size**2
        check_memory(what, len(files) * needed, "Reduce --data.init_args.size")
        pairs = decode_all(files, self.decode, self.folder)
        sides = pairs[::-1] if self.reverse else pairs
        return Examples(*sides)

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        self.examples("test")  # whose faults stop a training before its first step

    def split_files(self, split: Split) -> list[PairFiles]:
        """The files of a split, by folders or every tenth."""
        held_out = next((self.folder / name for name in HELD_OUT if self.has(name)), None)
        if held_out is not None and self.has("train"):
            return self.list_pairs(self.folder / "train" if split == "train" else held_out)
        files = self.list_pairs(self.folder)
        return [files[i] for i in every_tenth(len(files), split).tolist()]

    def has(self, name: str) -> bool:
        """Whether there is a folder of this name."""
        return (self.folder / name).is_dir()

    def on_after_batch_transfer(
        self, batch: tuple[Tensor, Tensor], dataloader_idx: int
    ) -> tuple[Tensor, Tensor]:
        x, y = super().on_after_batch_transfer(batch, dataloader_idx)
        if self.trainer is not None and self.trainer.training:
            pair = x.to(y), y
            pair = random_crop(*pair, self.input_mode) if self.jitter else pair
            if self.mirror:  # (n, 6, size, size), so that both sides move alike
                pair = random_flip(torch.cat(pair, 1)).split([x.shape[1], y.shape[1]], dim=1)
            x, y = pair[0].to(x.dtype).contiguous(), pair[1].contiguous()
        return x, y


def random_crop(x: Tensor, y: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Inputs and targets (n, c, size, size), each pair enlarged by 286/256 and cropped at a random
    position; `mode` is the interpolation of the inputs."""
    size = y.shape[-1]
    large = round(size * ENLARGED)
    x = interpolate(x, (large, large), mode=mode)
    y = interpolate(y, (large, large), mode="bilinear")
    corners = torch.randint(large - size + 1, (len(y), 2)).tolist()

    def crop(side: Tensor) -> Tensor:
        at = zip(side, corners, strict=True)
        return torch.stack([z[:, top : top + size, left : left + size] for z, (top, left) in at])

    return crop(x), crop(y)


def decode_all(
    pairs: Sequence[PairFiles], decode: Callable[[PairFiles], Pair], root: Path
) -> tuple[Tensor, Tensor]:
    """Inputs and targets (n, 3, size, size) in uint8; raises BadPicture with all faults."""
    faults, decoded = dict[str, str](), list[Pair]()

    def attempt(files: PairFiles) -> Pair | BadPicture:
        try:
            return decode(files)
        except BadPicture as fault:
            return fault

    with quiet_decoders(), ThreadPoolExecutor(workers()) as pool:
        results = pool.map(attempt, pairs)
        bar = tqdm(results, "decoding pairs", len(pairs), leave=False, disable=None)
        for files, result in zip(pairs, bar, strict=True):
            if isinstance(result, BadPicture):
                faults[str(files[0].relative_to(root))] = str(result)
            else:
                decoded.append(result)
    if faults:
        raise BadPicture(join_faults(faults))
    inputs, targets = zip(*decoded, strict=True)
    return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets))


def read_upright(file: Path) -> Image.Image:
    """The first frame in RGB, rotated by its EXIF orientation; raises BadPicture."""
    with opened(file) as image:
        return upright(image)


def resized(image: Image.Image, size: int) -> np.ndarray:
    """The center square (3, size, size) in uint8, resized with antialiasing."""
    return np.asarray(fit(image, (size, size), Resampling.BILINEAR)).transpose(2, 0, 1)


def decode_halves(file: Path, size: int) -> Pair:
    """The left and the right half of a picture, twice as wide as high; raises BadPicture."""
    image = read_upright(file)
    width, height = image.size
    if width != 2 * height:
        raise BadPicture(f"must be two squares side by side, got {width} x {height} pixels")
    halves = image.crop((0, 0, height, height)), image.crop((height, 0, width, height))
    return Pair(*(resized(half, size) for half in halves))
