"""Tables: rows of numbers and categories under named columns."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.checks import check_rows
from zoo.core.modality.base import Mismatch, Modality
from zoo.errors import ZooError
from zoo.files import atomic_write
from zoo.layers.mode_normalization import Columns, is_optional, is_whole
from zoo.text import brief

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # beginnings of text that spreadsheets execute
AGREE = 0.98  # least share of equal cells of equal tables: rounding on another machine flips some
DIGITS = 8  # significant digits of a number in a file


@dataclass(frozen=True)
class Table(Modality):
    """Rows (n, columns) in float64, stored as they are: a number, NaN where it is missing, or the
    index of a category. A file of them is a .csv. No columns stand for any.

    Text that a spreadsheet would execute as a formula is written with a leading apostrophe.
    """

    columns_: Columns = field(default_factory=dict)
    noun: ClassVar[str] = "rows of a table"
    suffix: ClassVar[str] = ".csv"
    most: ClassVar[int] = 1_000_000

    def normalize(self, values: Tensor) -> Tensor:
        return values

    def store(self, samples: Tensor) -> Tensor:
        return samples.double()

    def check(self, samples: Tensor) -> None:
        check_rows(samples, len(self.columns_))

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        columns = []
        for kind in self.columns_.values():
            if isinstance(kind, list):
                columns.append(torch.randint(len(kind), (n,), generator=generator).double())
                continue
            numbers = torch.randn(n, generator=generator).double() * 10 + 50
            columns.append(numbers.round() if is_whole(kind) else numbers)
            if is_optional(kind):
                columns[-1][::7] = torch.nan
        return torch.stack(columns, 1) if columns else torch.zeros(n, 0), torch.empty(n, 0)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Table):
            return self.other_kind(data)
        mine, theirs = self.columns_, data.columns_
        if not mine or not theirs or list(mine.items()) == list(theirs.items()):
            return None
        name = next((n for n in [*mine, *theirs] if mine.get(n) != theirs.get(n)), "the order")
        wanted, found = brief(mine.get(name)), brief(theirs.get(name))
        return Mismatch(
            f"columns of the data must be those of the model, got another {brief(name)}: {found}, "
            f"not {wanted}",
            "Set --data.init_args.kinds",
        )

    def cells(self, samples: Tensor) -> list[list[str]]:
        """Rows (n, columns) as text."""
        kinds = list(self.columns_.values())
        return [
            [cell(v, kind) for v, kind in zip(row, kinds, strict=True)] for row in samples.tolist()
        ]

    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        with (
            atomic_write(path) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow([harmless(name) for name in self.columns_])
            writer.writerows(self.cells(samples))

    def compare(self, path: Path, other: Path) -> str:
        return compare_cells(path, other)


def compare_cells(path: Path, other: Path) -> str:
    """How far two rendered .csv files differ; raises ZooError unless rounding explains it."""
    one, two = (read_cells(file) for file in (path, other))
    if [len(row) for row in one] != [len(row) for row in two] or one[:1] != two[:1]:
        raise ZooError(f"{other} must have the rows and columns of {path.name}. Export it again")
    pairs = [p for a, b in zip(one, two, strict=True) for p in zip(a, b, strict=True)]
    share = sum(map(agree, *zip(*pairs, strict=True))) / len(pairs)
    if share < AGREE:
        raise ZooError(f"{other} must be what seed 0 gives, got {share:.1%} equal cells")
    return f"{share:.1%} equal cells"


def cell(value: float, kind: str | list[str]) -> str:
    """A value of a column as text; empty where it is missing."""
    if isinstance(kind, list):
        return harmless(kind[int(value)])
    if value != value:
        return ""
    return f"{value:.0f}" if is_whole(kind) else f"{value:.{DIGITS}g}"


def harmless(text: str) -> str:
    """Text that a spreadsheet does not execute: an apostrophe precedes that of a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def read_cells(path: Path) -> list[list[str]]:
    """The cells of a rendered file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def agree(one: str, other: str) -> bool:
    """Whether two cells are equal text, or numbers that differ by less than a thousandth."""
    if one == other:
        return True
    try:
        a, b = float(one), float(other)
    except ValueError:
        return False
    return abs(a - b) <= 1e-3 * max(abs(a), abs(b))
