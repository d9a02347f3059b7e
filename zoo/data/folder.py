"""People's own pictures, in memory."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from zoo.data.arrays import every_tenth
from zoo.data.images import Examples, Split
from zoo.data.inventory import Inventory, flat, is_grey, repeated
from zoo.data.listing import Listing, list_files
from zoo.data.user_images import UserImages, grey, memory
from zoo.decoding import BadPicture, Header, quiet_decoders, square, workers
from zoo.errors import BadRecipe


class Decoded(NamedTuple):
    """Pictures (n, 3, size, size) in uint8, and which files they are of; others by their fault."""

    pixels: np.ndarray
    headers: list[Header]
    files: list[Path]
    faults: dict[Path, str]


class ImageFolder(UserImages):
    """Every picture below `root`, decoded once and kept in memory.

    The label is the folder, by number, in the order of the alphabet. Every tenth picture is held
    out for the test split. The arguments are those of OwnPictures.
    """

    def read(self, split: Split) -> Examples:
        pixels, labels = self.everything
        chosen = every_tenth(len(pixels), split)
        return Examples(pixels[chosen], labels[chosen])

    @cached_property
    def everything(self) -> Examples:
        """Both splits, every picture decoded once."""
        self.check(self.inventory)
        decoded = self.decoded
        folders = {path: i for i, path in enumerate(sorted({p.parent for p in decoded.files}))}
        pixels = torch.from_numpy(decoded.pixels)
        labels = torch.tensor([folders[path.parent] for path in decoded.files])
        return Examples(grey(pixels) if self.channels == 1 else pixels, labels)

    @cached_property
    def listing(self) -> Listing:
        self.check_root()
        found = list_files(self.root)
        needed = 2 * len(found.files) * 3 * self.size**2  # all, and a copy of them in two splits
        free = memory()
        if needed > free:
            raise BadRecipe(
                f"{len(found.files):,} pictures at {self.size} x {self.size} take "
                f"{needed / 1e9:.1f} GB of memory, of which {free / 1e9:.1f} are free. Read them "
                "when their turn has come: --data zoo.data.Shards --data.init_args.root "
                f"{self.root}"
            )
        return found

    @property
    def decoded(self) -> Decoded:
        stamps = tuple((str(path), *stamp(path)) for path in self.listing.files)
        return decode_files(stamps, self.size)

    @cached_property
    def inventory(self) -> Inventory:
        decoded, listing = self.decoded, self.listing
        faults = {
            str(path.relative_to(self.root)): why
            for path, why in (listing.faults | decoded.faults).items()
        }
        return Inventory(
            str(self.root),
            self.size,
            len(decoded.files),
            decoded.headers,
            faults,
            listing.passed_over,
            is_grey(decoded.pixels) and bool(decoded.files),
            flat(decoded.pixels),
            repeated(decoded.pixels),
            len({path.parent for path in decoded.files}),
        )


def stamp(path: Path) -> tuple[int, int]:
    """What changes with a file's content."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=1)
def decode_files(stamps: tuple[tuple[str, int, int], ...], size: int) -> Decoded:
    """All pictures of files as they are now: the last folder stays decoded for the next reader."""
    files = [Path(name) for name, *_ in stamps]
    pixels = np.empty((len(files), 3, size, size), np.uint8)
    headers, read, faults = list[Header](), list[Path](), dict[Path, str]()
    with quiet_decoders(), ThreadPoolExecutor(workers()) as pool:
        found = pool.map(lambda path: attempt(path, size), files)
        bar = tqdm(found, "decoding pictures", len(files), leave=False, disable=None)
        for path, result in zip(files, bar, strict=True):
            if isinstance(result, BadPicture):
                faults[path] = str(result)
                continue
            pixels[len(read)], header = result
            headers.append(header)
            read.append(path)
    return Decoded(pixels[: len(read)], headers, read, faults)


def attempt(file: Path, size: int) -> tuple[np.ndarray, Header] | BadPicture:
    """A picture, or why there is none."""
    try:
        return square(file, size)
    except BadPicture as fault:
        return fault
