"""A user's own pictures, decoded into memory."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from zoo.data.arrays import every_tenth
from zoo.data.images import Examples, Split
from zoo.data.inventory import Inventory, count_duplicates, count_uniform, is_gray
from zoo.data.listing import Listing, list_files
from zoo.data.memory import check_memory
from zoo.data.user_images import UserImages, to_gray
from zoo.decoding import BadPicture, Header, quiet_decoders, square, workers


class Decoded(NamedTuple):
    """Pictures (n, 3, size, size) in uint8 with their files, and the faults of unreadable files."""

    pixels: np.ndarray
    headers: list[Header]
    files: list[Path]
    faults: dict[Path, str]


class ImageFolder(UserImages):
    """All pictures below `root` (n, channels, size, size), decoded once into memory.

    A label is the index of the picture's folder in alphabetical order. Every tenth picture is in
    the test split. The arguments are those of UserImages; raises BadRecipe where the pictures need
    more than the free memory.
    """

    def read(self, split: Split) -> Examples:
        pixels, labels = self.all_images
        indices = every_tenth(len(pixels), split)
        return Examples(pixels[indices], labels[indices])

    @cached_property
    def all_images(self) -> Examples:
        """The images of both splits."""
        self.check_inventory(self.inventory)
        decoded = self.decoded
        folders = {path: i for i, path in enumerate(sorted({p.parent for p in decoded.files}))}
        pixels = torch.from_numpy(decoded.pixels)
        labels = torch.tensor([folders[path.parent] for path in decoded.files])
        return Examples(to_gray(pixels) if self.channels == 1 else pixels, labels)

    @cached_property
    def listing(self) -> Listing:
        """The files below `root`; raises BadRecipe where they need more than the free memory."""
        self.check_root()
        listing = list_files(self.root)
        check_memory(
            f"{len(listing.files):,} pictures at {self.size} x {self.size}",
            2 * len(listing.files) * 3 * self.size**2,  # all, and copies in two splits
            f"Decode them on demand by --data zoo.data.Shards --data.init_args.root {self.root}",
        )
        return listing

    @property
    def decoded(self) -> Decoded:
        """The decoded files, from the cache while no file changes."""
        stamps = tuple((str(path), *file_stamp(path)) for path in self.listing.files)
        return decode_files(stamps, self.size)

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory of the folder, of all its pictures."""
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
            listing.unsupported,
            is_gray(decoded.pixels) and bool(decoded.files),
            count_uniform(decoded.pixels),
            count_duplicates(decoded.pixels),
            len({path.parent for path in decoded.files}),
        )


def file_stamp(path: Path) -> tuple[int, int]:
    """The size and the modification time in ns of a file; 0 and 0 where it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=1)
def decode_files(stamps: tuple[tuple[str, int, int], ...], size: int) -> Decoded:
    """Decode files with these stamps; the result of the last call is cached."""
    files = [Path(name) for name, *_ in stamps]
    pixels = np.empty((len(files), 3, size, size), np.uint8)
    headers, readable, faults = list[Header](), list[Path](), dict[Path, str]()
    with quiet_decoders(), ThreadPoolExecutor(workers()) as pool:
        results = pool.map(lambda path: decode_or_fault(path, size), files)
        bar = tqdm(results, "decoding pictures", len(files), leave=False, disable=None)
        for path, result in zip(files, bar, strict=True):
            if isinstance(result, BadPicture):
                faults[path] = str(result)
                continue
            pixels[len(readable)], header = result  # without gaps for unreadable files
            headers.append(header)
            readable.append(path)
    return Decoded(pixels[: len(readable)], headers, readable, faults)


def decode_or_fault(file: Path, size: int) -> tuple[np.ndarray, Header] | BadPicture:
    """An image (3, size, size) in uint8 with its header, or the fault of an unreadable file."""
    try:
        return square(file, size)
    except BadPicture as fault:
        return fault
