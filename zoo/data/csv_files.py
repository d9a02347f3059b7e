"""CSV files of strangers: one error with a line number for each fault, inferred columns."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from zoo.data.memory import available_memory
from zoo.errors import BadRecipe, MissingData
from zoo.layers.mode_normalization import Columns
from zoo.text import brief, printable

Kind = Literal["integer", "number", "category"]
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MISSING = {"", "na", "n/a", "nan", "null", "none"}  # in lower case
COLUMNS, CATEGORIES, TEXT = 500, 1000, 200  # the most columns, categories of one, characters of one
FEW = 2  # a column of at most that many different numbers has categories
LARGEST = 1e15  # of a number: float64 has 15 digits
PER_BYTE = 4  # bytes of memory for a byte of a file


class Column(NamedTuple):
    """The cells of a column: the different texts, and for each row the index of its text."""

    name: str
    texts: list[str]
    codes: Tensor


def read_csv(path: Path, delimiter: str = ",", exclude: Sequence[str] = ()) -> list[Column]:
    """The columns of a CSV file in UTF-8 whose first line names them, without those of `exclude`.

    Spaces around a cell are removed. Raises MissingData without the file, BadRecipe for ragged
    lines, duplicate or empty names, a file without rows, and what is no text.
    """
    check_file(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            names = header(path, next(lines, []), exclude)
            seen: list[dict[str, int]] = [{} for _ in names]
            codes: list[list[int]] = [[] for _ in names]
            for cells in filter(None, lines):  # blank lines have no cells
                check_width(path, lines.line_num, len(cells), len(names))
                for text, index, code in zip(cells, seen, codes, strict=True):
                    code.append(index.setdefault(text, len(index)))
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadRecipe(
                f"{path} must be CSV in UTF-8, got {error} after line {lines.line_num}. Repair it"
            ) from error
    if not codes[0]:
        raise BadRecipe(f"{path} must have rows below its header, got none. Add rows")
    return [
        Column(name, [printable(text.strip()) for text in index], torch.tensor(code))
        for name, index, code in zip(names, seen, codes, strict=True)
        if name not in exclude
    ]


def check_file(path: Path) -> None:
    """Raise MissingData unless there is a file, BadRecipe for one that memory does not hold."""
    if not path.is_file():
        raise MissingData(
            f"there is no file {path.absolute()}. Name yours by --data.init_args.file"
        )
    if path.stat().st_size * PER_BYTE > available_memory():
        raise BadRecipe(f"{path} must fit into the free memory. Take a part of its rows")


def header(path: Path, cells: list[str], exclude: Sequence[str]) -> list[str]:
    """The names of the columns; raises BadRecipe."""
    names = [printable(cell.strip()) for cell in cells]
    if not names:
        raise BadRecipe(f"{path} must have a line with the names of its columns, got none. Add it")
    twice = next((name for name in names if not name or names.count(name) > 1), None)
    if twice is not None:
        raise BadRecipe(
            f"line 1 of {path} must name each column once, got {brief(twice)} for "
            f"{names.count(twice)}. Rename them"
        )
    if not 1 <= len(names) - len(set(exclude) & set(names)) <= COLUMNS:
        raise BadRecipe(
            f"{path} must have 1 to {COLUMNS} columns, got {len(names)}. Leave some out by "
            "--data.init_args.exclude"
        )
    return names


def check_width(path: Path, line: int, found: int, wanted: int) -> None:
    """Raise BadRecipe unless a line has a cell for each column."""
    if found != wanted:
        raise BadRecipe(
            f"line {line} of {path} must have {wanted} cells, as its header has, got {found}. "
            "Repair the line, or set --data.init_args.delimiter"
        )


def to_table(columns: Sequence[Column], kinds: Mapping[str, Kind]) -> tuple[Columns, Tensor]:
    """The kinds of columns, inferred unless given, and the rows (n, columns) in float64."""
    names = [column.name for column in columns]
    if unknown := sorted(set(kinds) - set(names)):
        raise BadRecipe(
            f"kinds must be of columns of the table, got {brief(unknown[0])}. The columns are "
            f"{', '.join(names)}"
        )
    found, values = Columns(), []
    for column in columns:
        kind = kinds.get(column.name) or inferred(column.texts)
        convert = to_categories if kind == "category" else to_numbers
        found[column.name], of_texts = convert(column, kind)
        values.append(of_texts[column.codes])
    return found, torch.stack(values, 1)


def inferred(texts: Sequence[str]) -> Kind:
    """`integer` or `number` if all texts that are not missing are, and more than two differ; else
    `category`."""
    known = [text for text in texts if text.lower() not in MISSING]
    if len(set(known)) <= FEW or not all(NUMBER.fullmatch(text) for text in known):
        return "category"
    numbers = [float(text) for text in known]
    if any(abs(number) > LARGEST for number in numbers):
        return "category"
    return "integer" if all(number.is_integer() for number in numbers) else "number"


def to_numbers(
    column: Column, kind: Kind, remedy: str = "Set its kind to category"
) -> tuple[str, Tensor]:
    """The kind of a column of numbers, and the number of each text, NaN where it is missing; raises
    BadRecipe for other text."""
    numbers, optional = [], ""
    for text in column.texts:
        if text.lower() in MISSING:
            numbers.append(torch.nan)
            optional = "?"
            continue
        if not NUMBER.fullmatch(text) or abs(float(text)) > LARGEST:
            raise BadRecipe(
                f"{brief(column.name)} must have numbers up to {LARGEST:g}, got {brief(text)}. "
                f"{remedy}"
            )
        numbers.append(float(text))
    return kind + optional, torch.tensor(numbers, dtype=torch.float64)


def to_categories(column: Column, kind: Kind) -> tuple[list[str], Tensor]:
    """The sorted categories of a column, and the index of each text; a missing one is empty."""
    texts = ["" if text.lower() in MISSING else text for text in column.texts]
    names = sorted(set(texts))
    longest = max(map(len, names))
    if len(names) > CATEGORIES or longest > TEXT:
        raise BadRecipe(
            f"{brief(column.name)} must have at most {CATEGORIES} categories of at most {TEXT} "
            f"characters, got {len(names)} of up to {longest}. Leave it out by "
            "--data.init_args.exclude, or group its values"
        )
    index = {name: i for i, name in enumerate(names)}
    return names, torch.tensor([index[text] for text in texts], dtype=torch.float64)
