"""Tables of results that grow by a row a run."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev


def append(path: Path, row: Mapping[str, object]) -> None:
    """Add a row to a CSV file, which begins with the names of its columns."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def spread(values: Sequence[float]) -> float:
    """Their standard deviation; none of one alone."""
    return stdev(values) if len(values) > 1 else 0.0


def over_seeds(values: list[float], digits: str) -> str:
    """The mean, as `digits` formats it, and the standard deviation where there are several."""
    margin = f" ± {spread(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):{digits}}{margin}"


def render(path: Path, table: Callable[[list[dict[str, str]]], Iterable[str]]) -> None:
    """Write beside a CSV file, as Markdown, the lines that `table` makes of its rows."""
    lines = table(read(path))
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
