"""Which files below a folder are pictures: one rule for every reader."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from zoo.decoding import ENDINGS, UNREAD

JUNK = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"}


class Listing(NamedTuple):
    """Files with wanted endings in the order of their names, why folders could not be listed, and
    how many files of other picture formats were passed over, by ending."""

    files: list[Path]
    faults: dict[Path, str]
    passed_over: Counter[str]


def is_hidden(parts: Iterable[str]) -> bool:
    """Whether one of the parts of a path below the root is hidden, or made by a file manager."""
    return any((part[:1] == "." and part not in (".", "..")) or part in JUNK for part in parts)


def is_picture(name: str) -> bool:
    """Whether a name in a tar file, with its folders, is that of a picture."""
    path = PurePosixPath(name)
    return path.suffix.lower() in ENDINGS and not is_hidden(path.parts)


def list_files(root: Path, endings: Iterable[str] = ENDINGS) -> Listing:
    """All files below a folder whose names have one of the endings, in upper case or lower case.

    Hidden ones and folders are left out; links to folders are followed, each folder once.
    """
    wanted, found, passed_over = set(endings), list[Path](), Counter[str]()
    faults: dict[Path, str] = {}
    seen: set[str] = set()

    def fault(error: OSError) -> None:
        faults[Path(error.filename)] = "cannot be listed: " + (error.strerror or "no reason given")

    for folder, folders, names in os.walk(root, onerror=fault, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden([name]))
        for name in names:
            ending = Path(name).suffix.lower()
            if ending in wanted and not is_hidden([name]):
                found.append(Path(folder, name))
            elif ending in UNREAD and not is_hidden([name]):
                passed_over[ending] += 1
    return Listing(sorted(found), faults, passed_over)
