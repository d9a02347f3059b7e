"""The inventory of a folder of images: printed before a training, stored in its run folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from zoo.decoding import Header

LISTED = 20  # the most faults in a message; the inventory lists all
GRAY = {"black and white", "gray", "16-bit gray", "float gray"}
LONG = 2.0  # long side over short side, above which the crop removes more than half
MODES = {
    "1": "black and white",
    "L": "gray",
    "LA": "gray",
    "P": "palette",
    "PA": "palette",
    "CMYK": "CMYK",
    "F": "float gray",
}


@dataclass
class Inventory:
    """Properties of the readable images below `root`, and the reasons why others are unreadable.

    `headers` are those of the inspected images, which are fewer than `total` in large folders.
    """

    root: str
    size: int
    total: int
    headers: list[Header]
    faults: dict[str, str]
    unsupported: Counter[str] = field(default_factory=Counter)
    gray: bool = False  # whether all pixels are gray, in files of any mode
    uniform: int = 0
    duplicates: int = 0
    folders: int = 1

    @property
    def channels(self) -> int:
        """1 where every file has a gray mode, else 3."""
        modes = {mode_name(h) for h in self.headers}
        return 1 if modes and modes <= GRAY else 3

    @property
    def short_sides(self) -> list[int]:
        """The lengths of the short sides in pixels, sorted."""
        return sorted(min(h.width, h.height) for h in self.headers)

    def lines(self) -> list[str]:
        """The inventory as lines of text, faults last."""
        parts = (self.size_line(), self.mode_line(), self.crop_line(), self.content_line())
        lines = [line for line in parts if line]
        if self.unsupported:
            kinds = ", ".join(f"{n:,} {ending}" for ending, n in sorted(self.unsupported.items()))
            lines.append(f"left out, in unsupported formats: {kinds}")
        if self.faults:
            lines.append(f"{len(self.faults):,} unreadable:")
            lines += [
                f"  {printable_name(name)} {why}" for name, why in sorted(self.faults.items())
            ]
        return lines

    def size_line(self) -> str:
        """The number of images, their folders, formats and sides."""
        sides = self.short_sides
        line = f"{printable_name(self.root)}: {pluralize(self.total, 'picture')}"
        if not sides:
            return line
        if len(sides) < self.total:
            line += f", {len(sides):,} of them inspected"
        formats = join_counts(Counter(h.format for h in self.headers))
        span = f"{sides[0]:,} to {sides[-1]:,} pixels (short side, median {median(sides):,.0f})"
        inside = f" in {self.folders:,} folders" if self.folders > 1 else ""
        return f"{line}{inside} ({formats}), {span}"

    def mode_line(self) -> str:
        """The modes of the images, and how special ones are decoded."""
        modes = Counter(mode_name(h) for h in self.headers)
        traits = {
            "transparent, composited on white": sum(h.transparent for h in self.headers),
            "rotated as EXIF specifies": sum(h.turned for h in self.headers),
            "with several frames or pages, of which the first is read": sum(
                h.frames > 1 for h in self.headers
            ),
        }
        parts = [f"{n:,} {trait}" for trait, n in traits.items() if n]
        if self.gray:
            parts.append("all are gray")
        return "; ".join([join_counts(modes), *parts]) if modes else ""

    def crop_line(self) -> str:
        """How images are cropped and resized, and what is lost."""
        small = sum(min(h.width, h.height) < self.size for h in self.headers)
        long = sum(max(h.width, h.height) > LONG * min(h.width, h.height) for h in self.headers)
        parts = [f"each is cropped to its center square and resized to {self.size} x {self.size}"]
        if small:
            parts.append(f"{small:,} are smaller and are enlarged, which blurs them")
        if long:
            parts.append(f"{long:,} are over twice as long as wide: the crop removes over half")
        return "; ".join(parts) if self.headers else ""

    def content_line(self) -> str:
        """The numbers of uniform images and of duplicates."""
        parts = []
        if self.uniform:
            parts.append(f"{self.uniform:,} are of nearly uniform color")
        if self.duplicates:
            parts.append(f"{self.duplicates:,} are exact duplicates")
        return "; ".join(parts)

    def as_data(self) -> dict[str, object]:
        """The inventory as plain data, for `pictures.yaml`."""
        sides = self.short_sides
        return {
            "pictures": self.total,
            "inspected": len(self.headers),
            "folders": self.folders,
            "formats": dict(Counter(h.format for h in self.headers).most_common()),
            "modes": dict(Counter(mode_name(h) for h in self.headers).most_common()),
            "short_side": [sides[0], median(sides), sides[-1]] if sides else [],
            "gray": self.gray,
            "unsupported": dict(self.unsupported),
            "unreadable": dict(sorted(self.faults.items())),
        }


def mode_name(header: Header) -> str:
    """The name of a mode of Pillow."""
    if header.mode.startswith("I"):
        return "16-bit gray"
    return MODES.get(header.mode, "color")


def join_counts(counts: Mapping[str, int]) -> str:
    """Counts in one line, the largest first: `12 PNG, 3 JPEG`."""
    return ", ".join(f"{n:,} {name}" for name, n in Counter(counts).most_common())


def pluralize(n: int, noun: str) -> str:
    """A number with its noun: `1 picture`, `2,000 pictures`."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def join_faults(faults: Mapping[str, str]) -> str:
    """The faults in one line: all, or the first 20 and the number of the others."""
    parts = [f"{printable_name(name)} {why}" for name, why in sorted(faults.items())]
    more = [f"and {len(parts) - LISTED:,} more"] if len(parts) > LISTED else []
    return "; ".join([*parts[:LISTED], *more])


def printable_name(name: str) -> str:
    """A file name whose control characters are replaced by `?`."""
    return "".join(c if c.isprintable() else "?" for c in name)


def is_gray(pixels: np.ndarray) -> bool:
    """Whether all images (n, 3, h, w) have three equal channels, up to one level of rounding."""
    chunks = np.array_split(pixels, max(1, len(pixels) // 256))  # np.ptp copies what it is given
    return all(np.ptp(chunk, axis=1).max(initial=0) <= 1 for chunk in chunks)


def count_uniform(pixels: Iterable[np.ndarray]) -> int:
    """The number of images (3, h, w) in uint8 whose largest and smallest level differ by <= 4."""
    return sum(int(np.ptp(image)) <= 4 for image in pixels)


def count_duplicates(pixels: np.ndarray) -> int:
    """The number of images (n, 3, h, w) that equal an earlier one."""
    return len(pixels) - len({hash(image.tobytes()) for image in pixels})
