"""What a folder of pictures holds: printed before a training, and kept in its run folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from zoo.decoding import Header

NAMED = 20  # faults that a message lists; the inventory lists all
GREY = {"black and white", "grey", "16-bit grey", "float grey"}
FAR = 2.0  # long side over short side from which more than half of a picture is cut away
KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey",
    "P": "palette",
    "PA": "palette",
    "CMYK": "CMYK",
    "F": "float grey",
}


@dataclass
class Inventory:
    """Facts of the pictures that were read, and the reasons why others could not be.

    `looked_at` is less than `total` where only some were opened.
    """

    place: str
    size: int
    total: int
    headers: list[Header]
    faults: dict[str, str]
    passed_over: Counter[str] = field(default_factory=Counter)
    grey: bool = False
    flat: int = 0
    repeated: int = 0
    folders: int = 1

    @property
    def channels(self) -> int:
        """1 where every file is of a grey kind, else 3; grey pictures in files of color count as
        color here, and `grey` says so of the pixels."""
        kinds = {kind(h) for h in self.headers}
        return 1 if kinds and kinds <= GREY else 3

    def lines(self) -> list[str]:
        """A few lines for people, faults last."""
        found = [line for line in (self.first(), self.modes(), self.cuts(), self.doubts()) if line]
        if self.passed_over:
            kinds = ", ".join(f"{n:,} {ending}" for ending, n in sorted(self.passed_over.items()))
            found.append(f"not read, as their format is not known here: {kinds}")
        if self.faults:
            found.append(f"{len(self.faults):,} cannot be read:")
            found += [f"  {shown(name)} {why}" for name, why in sorted(self.faults.items())]
        return found

    def first(self) -> str:
        sides = sorted(min(h.width, h.height) for h in self.headers)
        words = f"{shown(self.place)}: {count(self.total, 'picture')}"
        if not sides:
            return words
        if len(sides) < self.total:
            words += f", {len(sides):,} of them looked at"
        formats = listed(Counter(h.format for h in self.headers))
        span = f"{sides[0]:,} to {sides[-1]:,} pixels (short side, median {median(sides):,.0f})"
        inside = f" in {self.folders:,} folders" if self.folders > 1 else ""
        return f"{words}{inside} ({formats}), {span}"

    def modes(self) -> str:
        kinds = Counter(kind(h) for h in self.headers)
        traits = {
            "shown on white, as they are transparent": sum(h.transparent for h in self.headers),
            "turned the way up that EXIF says": sum(h.turned for h in self.headers),
            "read by their first frame or page": sum(h.frames > 1 for h in self.headers),
        }
        parts = [f"{n:,} {words}" for words, n in traits.items() if n]
        if self.grey:
            parts.append("all are grey")
        return "; ".join([listed(kinds), *parts]) if kinds else ""

    def cuts(self) -> str:
        small = sum(min(h.width, h.height) < self.size for h in self.headers)
        long = sum(max(h.width, h.height) > FAR * min(h.width, h.height) for h in self.headers)
        parts = [f"each is cut to its centre square and resized to {self.size} x {self.size}"]
        if small:
            parts.append(f"{small:,} are smaller and are enlarged, which blurs them")
        if long:
            parts.append(f"{long:,} are more than twice as long as wide and lose over half")
        return "; ".join(parts) if self.headers else ""

    def doubts(self) -> str:
        parts = []
        if self.flat:
            parts.append(f"{self.flat:,} show next to nothing: they are of one level")
        if self.repeated:
            parts.append(f"{self.repeated:,} repeat another one exactly")
        return "; ".join(parts)

    def as_data(self) -> dict[str, object]:
        """The same for a file that programs read."""
        sides = sorted(min(h.width, h.height) for h in self.headers)
        return {
            "pictures": self.total,
            "looked_at": len(self.headers),
            "folders": self.folders,
            "formats": dict(Counter(h.format for h in self.headers).most_common()),
            "modes": dict(Counter(kind(h) for h in self.headers).most_common()),
            "short_side": [sides[0], median(sides), sides[-1]] if sides else [],
            "grey": self.grey,
            "passed_over": dict(self.passed_over),
            "unreadable": dict(sorted(self.faults.items())),
        }


def kind(header: Header) -> str:
    """A mode in words."""
    if header.mode.startswith("I"):
        return "16-bit grey"
    return KINDS.get(header.mode, "color")


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in Counter(counts).most_common())


def count(n: int, word: str) -> str:
    return f"{n:,} {word}{'s' * (n != 1)}"


def named(faults: Mapping[str, str]) -> str:
    """Faults in one line: all of them, or the first twenty and how many more."""
    words = [f"{shown(name)} {why}" for name, why in sorted(faults.items())]
    more = [f"and {len(words) - NAMED:,} more"] if len(words) > NAMED else []
    return "; ".join([*words[:NAMED], *more])


def shown(name: str) -> str:
    """A file's name without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in name)


def is_grey(pixels: np.ndarray) -> bool:
    """Whether all images (n, 3, h, w) have three equal channels, up to one level of rounding."""
    chunks = np.array_split(pixels, max(1, len(pixels) // 256))
    return all(np.ptp(chunk, axis=1).max(initial=0) <= 1 for chunk in chunks)


def flat(pixels: Iterable[np.ndarray]) -> int:
    """How many images (3, h, w) have all their levels within four of one another."""
    return sum(int(np.ptp(image)) <= 4 for image in pixels)


def repeated(pixels: np.ndarray) -> int:
    """How many images (n, 3, h, w) are equal to one before them."""
    return len(pixels) - len({hash(image.tobytes()) for image in pixels})
