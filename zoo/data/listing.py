"""The image files below a folder: one rule for every data module."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from zoo.decoding import ENDINGS, UNREAD

JUNK = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"}


class Listing(NamedTuple):
    """Image files in the order of their paths, the reasons why folders cannot be listed, and the
    numbers of files in unsupported image formats by ending."""

    files: list[Path]
    faults: dict[Path, str]
    unsupported: Counter[str]


def is_hidden(parts: Iterable[str]) -> bool:
    """Whether a part of a path below the root is hidden, or made by a file manager."""
    return any((part[:1] == "." and part not in (".", "..")) or part in JUNK for part in parts)


def is_picture(name: str) -> bool:
    """Whether a path inside an archive is that of an image file."""
    path = PurePosixPath(name)
    return path.suffix.lower() in ENDINGS and not is_hidden(path.parts)


def list_files(root: Path, endings: Iterable[str] = ENDINGS) -> Listing:
    """All files below a folder whose names have one of the endings, in either case.

    Hidden files and folders are left out. Links to folders are followed, each folder once.
    """
    supported, files, unsupported = set(endings), list[Path](), Counter[str]()
    faults: dict[Path, str] = {}
    visited: set[str] = set()

    def add_fault(error: OSError) -> None:
        faults[Path(error.filename)] = "cannot be listed: " + (error.strerror or "unknown reason")

    for folder, folders, names in os.walk(root, onerror=add_fault, followlinks=True):
        real_path = os.path.realpath(folder)
        if real_path in visited:  # by another link, or a link to a parent
            folders.clear()
            continue
        visited.add(real_path)
        folders[:] = sorted(name for name in folders if not is_hidden([name]))  # os.walk reads it
        for name in names:
            ending = Path(name).suffix.lower()
            if ending in supported and not is_hidden([name]):
                files.append(Path(folder, name))
            elif ending in UNREAD and not is_hidden([name]):
                unsupported[ending] += 1
    return Listing(sorted(files), faults, unsupported)
