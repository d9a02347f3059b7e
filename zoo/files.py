"""Files and folders: atomic writes, and searches by ending."""

import errno
import lzma
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

DAMAGE = (  # what libraries raise for data files that are truncated or changed
    OSError, ValueError, LookupError, TypeError, RuntimeError, EOFError, AssertionError,
    AttributeError, MemoryError, OverflowError, SyntaxError, TokenError, BadZipFile, zlib.error,
    lzma.LZMAError, struct.error,
)  # fmt: skip


def expand_user(path: str | Path) -> Path:
    """A path whose ~ is the home of its user; as it is where there is no such user."""
    return Path(os.path.expanduser(path))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; it takes the path's name when all went well. An OSError on
    the way names `path`, whose old contents are untouched."""
    path = expand_user(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory: name a file in it", str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it is a device, not a file", str(path))
    beside = path.with_name(f".{path.name[:40]}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
        mode = beside.stat().st_mode  # that of the user's files, which not every library gives
        yield beside
        beside.chmod(mode)
        os.replace(beside, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(beside), beside):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):
            beside.unlink()


def files_in(folder: str | Path, pattern: str) -> list[Path]:
    """The files of a folder that match, sorted; none where there is no such folder."""
    path = expand_user(folder)
    return sorted(path.glob(pattern)) if os.path.isdir(path) else []


def first_of(path: Path, endings: Sequence[str]) -> Path | None:
    """The first file at a path with one of the endings, None if there is none."""
    paths = (path.with_name(f"{path.name}{ending}") for ending in endings)
    return next((each for each in paths if each.is_file()), None)
