"""Files of data sets from their official addresses."""

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from zoo.decoding import BadPicture
from zoo.files import atomic_write

TIMEOUT = 60  # seconds without an answer
LARGEST_FILE = 2_000_000  # bytes of a picture in an archive


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


def fetch_pictures(
    address: str, largest: int, place: Callable[[Path], Path | None], folder: Path
) -> None:
    """Download a ZIP archive of at most `largest` bytes and write its pictures to a new folder:
    those for which `place` returns a path below it. Raises BadPicture for a large file."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by an interruption
    with zipfile.ZipFile(io.BytesIO(fetch(address, largest))) as archive:
        for member in archive.infolist():
            target = place(Path(member.filename))
            if target is None:
                continue
            if member.file_size > LARGEST_FILE:
                raise BadPicture(f"{target.name} must be at most {LARGEST_FILE:,} bytes")
            (part / target).parent.mkdir(parents=True, exist_ok=True)
            (part / target).write_bytes(archive.read(member))
    part.rename(folder)
