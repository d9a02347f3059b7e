"""CSV tables that grow by one row a run, and Markdown tables generated from them."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev


def append(path: Path, row: Mapping[str, object]) -> None:
    """Append a row to a CSV file; a new file starts with the column names."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; empty without a file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def spread(values: Sequence[float]) -> float:
    """Standard deviation; 0 for a single value."""
    return stdev(values) if len(values) > 1 else 0.0


def over_seeds(values: list[float], digits: str) -> str:
    """Mean, with the format `digits`, and standard deviation of several values."""
    margin = f" ± {spread(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):{digits}}{margin}"


def render(path: Path, table: Callable[[list[dict[str, str]]], Iterable[str]]) -> None:
    """Write the lines that `table` generates from a CSV file to a Markdown file beside it."""
    lines = table(read(path))
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
