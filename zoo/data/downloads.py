"""Files of data sets from their official addresses."""

import os
from pathlib import Path
from urllib.request import urlopen

from zoo.files import atomic_write

TIMEOUT = 60  # seconds without an answer


def default_root() -> Path:
    """The folder of data sets: $ZOO_DATA, else `data`."""
    return Path(os.environ.get("ZOO_DATA") or "data")


def fetch(address: str, largest: int) -> bytes:
    """The content of an address; raises OSError without a connection, ValueError for more than
    `largest` bytes."""
    with urlopen(address, timeout=TIMEOUT) as answer:
        content: bytes = answer.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"{address} must be at most {largest:,} bytes, got more")
    return content


def write(content: bytes, path: Path) -> None:
    """Write a file beside its target first, then rename it."""
    with atomic_write(path) as beside:
        beside.write_bytes(content)
