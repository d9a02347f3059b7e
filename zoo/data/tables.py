"""Data modules of tables: a CSV file of one's own, and Adult."""

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.core.arguments import Count
from zoo.core.modality import Table
from zoo.data.arrays import DatasetInfo, Examples, Split, every_tenth
from zoo.data.csv_files import Kind, read_csv, to_table
from zoo.data.downloads import fetch, write
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe, MissingData
from zoo.files import absolute
from zoo.layers.mode_normalization import Columns

LARGEST = 2**26  # bytes of the downloaded file
TOY: Columns = {"age": "integer", "height": "number?", "pet": ["cat", "dog", "none"]}


class TableDataModule(ZooDataModule):
    """Batches of rows (n, columns) of a table in float64, and labels (n, 0); every tenth row is in
    the test split.

    The kind of a column is inferred, or given by `kinds`: `integer`, `number` or `category`.
    `exclude` leaves columns out. `target` is the column that classifiers predict when samples are
    measured, by default the last one.
    """

    recorded = ("batch_size", "kinds", "exclude", "target")
    reference = "train"
    own_files = "zoo.data.CSVTable"

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 500,
        kinds: dict[str, Kind] | None = None,
        exclude: tuple[str, ...] = (),
        target: str | None = None,
    ) -> None:
        super().__init__(root, batch_size)
        self.kinds, self.exclude, self.target = dict(kinds or {}), tuple(exclude), target

    @property
    def file(self) -> Path:
        """The CSV file."""
        raise NotImplementedError

    @property
    def delimiter(self) -> str:
        """The character between two cells."""
        return ","

    @cached_property
    def table(self) -> tuple[Columns, Tensor]:
        """The columns, and all rows (n, columns)."""
        self.prepare_data()
        columns, rows = to_table(read_csv(self.file, self.delimiter, self.exclude), self.kinds)
        if self.target is not None and self.target not in columns:
            raise BadRecipe(
                f"target must be a column of {self.file}, got {self.target}. The columns are "
                f"{', '.join(columns)}"
            )
        return columns, rows

    @property
    def modality(self) -> Table:
        try:
            return Table(self.table[0])
        except MissingData:
            if self.offline:  # a smoke test without the file
                return Table(TOY)
            raise

    @property
    def target_column(self) -> str:
        """The name of the column that classifiers predict."""
        return self.target or list(self.modality.columns_)[-1]

    def read(self, split: Split) -> Examples:
        rows = self.table[1]
        rows = rows[every_tenth(len(rows), split)]
        return Examples(rows, torch.empty(len(rows), 0))

    def to_model(self, x: Tensor) -> Tensor:
        return x  # numbers stay in float64: float32 has seven digits


class CSVTable(TableDataModule):
    """A CSV file in UTF-8 whose first line names the columns; empty cells, NA, NaN and null are
    missing. Raises BadRecipe with the number of the line for a damaged file."""

    source = DatasetInfo("your own table", "not published", "unknown", "unknown")
    own_paths = ("file",)

    def __init__(
        self,
        file: str | None = None,
        delimiter: str = ",",
        batch_size: Count = 500,
        kinds: dict[str, Kind] | None = None,
        exclude: tuple[str, ...] = (),
        target: str | None = None,
    ) -> None:
        super().__init__(None, batch_size, kinds, exclude, target)
        if len(delimiter) != 1:
            raise BadRecipe(f"delimiter must be one character, got {delimiter!r}. Set , or ;")
        self.file_, self.delimiter_ = file, delimiter
        if file:
            self.source = self.source.named(Path(file), "table")

    @property
    def file(self) -> Path:
        if not self.file_:
            raise MissingData("file must be a CSV file, got none. Set --data.init_args.file")
        return Path(self.file_)

    @property
    def delimiter(self) -> str:
        return self.delimiter_

    def arguments(self) -> dict[str, object]:
        found = {name: getattr(self, name) for name in TableDataModule.recorded}
        return {"file": absolute(self.file_), "delimiter": self.delimiter_} | found


class Adult(TableDataModule):
    """Adult census income: 32,561 rows of the training file, 6 columns of numbers and 9 of
    categories, of which the last is whether a person earns more than 50,000 dollars a year. `?`
    stays a category of its own, as in published tables."""

    source = DatasetInfo(
        "Adult",
        "https://archive.ics.uci.edu/dataset/2/adult",
        "CC BY 4.0, by Barry Becker & Ronny Kohavi",
        "Apache-2.0",
    )
    address: ClassVar = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.data"
    names: ClassVar = (
        "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,"
        "sex,capital-gain,capital-loss,hours-per-week,native-country,income"
    )

    @property
    def file(self) -> Path:
        return self.root / "tables" / "adult.csv"

    def download(self) -> None:
        if self.file.is_file():
            return
        content = fetch(self.address, LARGEST)
        write(f"{self.names}\n".encode() + content, self.file)
