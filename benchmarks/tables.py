"""Tables of results that grow by a row a run."""

import csv
from collections.abc import Mapping
from pathlib import Path


def append(path: Path, row: Mapping[str, object]) -> None:
    """Add a row to a CSV file, which begins with the names of its columns."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)
