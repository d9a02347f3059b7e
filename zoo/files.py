"""Files that are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; it takes the path's name when all went well."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory: name a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.touch()
        mode = beside.stat().st_mode  # that of the user's files, which not every library gives
        yield beside
        beside.chmod(mode)
        os.replace(beside, path)
    finally:
        with suppress(OSError):
            beside.unlink()
