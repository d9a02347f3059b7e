"""Series: sequences of numbers under named columns."""

import csv
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.checks import check_series
from zoo.core.modality.base import Mismatch, Modality
from zoo.core.modality.table import compare_cells, harmless
from zoo.errors import BadRecipe
from zoo.files import atomic_write
from zoo.plotting import pictures
from zoo.plotting.lines import line_charts
from zoo.text import brief

Ranges = dict[str, list[float]]  # the lowest and the highest value of each column
DIGITS = 6  # significant digits of a number in a file


@dataclass(frozen=True)
class Series(Modality):
    """Sequences of `length` steps, stored as (n, length, columns) in float64 in the units of the
    data; a model takes and returns them scaled to [0, 1] by the range of each column.

    A file of them is a .csv whose first two columns are the indices of the sequence and of the
    step, with line charts in the .png beside it. No ranges stand for any columns.
    """

    length: int
    ranges: Ranges = field(default_factory=dict)
    noun: ClassVar[str] = "series"
    suffix: ClassVar[str] = ".csv"
    columns: ClassVar[int] = 4
    most: ClassVar[int] = 100_000

    def __post_init__(self) -> None:
        """Raise BadRecipe unless each range is two numbers in their order."""
        for name, pair in self.ranges.items():
            numbers = [float(value) for value in pair if isinstance(value, int | float)]
            if len(pair) != 2 or len(numbers) != 2 or not -inf < numbers[0] <= numbers[1] < inf:
                raise BadRecipe(
                    f"ranges must have a lowest and a highest number for each column, got "
                    f"{brief(pair)} for {brief(name)}. Take those of a data module"
                )

    def limits(self) -> tuple[Tensor, Tensor]:
        """The lowest values and the extents (columns,) in float64; a constant column has 1."""
        low, high = torch.tensor(list(self.ranges.values()), dtype=torch.float64).T
        extent = high - low
        return low, torch.where(extent > 0, extent, 1.0)

    def normalize(self, values: Tensor) -> Tensor:
        low, extent = (limit.to(values.device) for limit in self.limits())
        return ((values - low) / extent).float()

    def store(self, samples: Tensor) -> Tensor:
        low, extent = self.limits()
        return low + samples.cpu().double() * extent

    def check(self, samples: Tensor) -> None:
        check_series(samples, self.length, len(self.ranges))

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        pitch, phase = torch.rand(2, n, 1, len(self.ranges), generator=generator)
        waves = torch.sin(pitch * torch.arange(self.length)[:, None] + 6 * phase)
        return self.store((waves + 1) / 2), torch.empty(n, 0)

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, Series):
            return self.other_kind(data)
        if found := self.first_difference(data, ("length",)):
            return found
        if not self.ranges or not data.ranges or self.ranges == data.ranges:
            return None
        names = [*self.ranges, *data.ranges]
        name = next((n for n in names if self.ranges.get(n) != data.ranges.get(n)), "the order")
        wanted, found_range = self.ranges.get(name), data.ranges.get(name)
        return Mismatch(
            f"columns of the data must have the ranges of the model, got another {brief(name)}: "
            f"{found_range}, not {wanted}",
            "Train a model of its own on these columns",
        )

    def images(self, samples: Tensor) -> Tensor:
        return line_charts(samples)

    def render(self, samples: Tensor, path: Path, columns: int = 4) -> None:
        with (
            atomic_write(path) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["series", "step", *map(harmless, self.ranges)])
            for index, steps in enumerate(self.store(samples).tolist()):
                for step, cells in enumerate(steps):
                    writer.writerow([index, step, *(f"{cell:.{DIGITS}g}" for cell in cells)])
        few = samples[: 16 * columns]  # so that a large file has a chart to look at
        pictures.save(pictures.grid(self.images(few), columns), path.with_suffix(".png"))

    def compare(self, path: Path, other: Path) -> str:
        return compare_cells(path, other)
