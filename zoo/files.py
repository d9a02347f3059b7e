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
    """Replace a leading ~ or ~user by the home folder; return the path unchanged without one."""
    return Path(os.path.expanduser(path))


def absolute(path: str | None) -> str | None:
    """The absolute form of a path of the user; None stays."""
    return path and str(Path(path).absolute())


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, which is renamed to `path` on success.

    If an exception is raised, `path` keeps its old content. An OSError names `path`.
    """
    path = expand_user(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory. Name a file in it", str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it is a device, not a file", str(path))
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode  # by the user's umask, which some libraries ignore
        yield temporary
        temporary.chmod(mode)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def files_in(folder: str | Path, pattern: str) -> list[Path]:
    """The files of a folder that match, sorted; none where there is no such folder."""
    path = expand_user(folder)
    return sorted(path.glob(pattern)) if os.path.isdir(path) else []


def first_of(path: Path, endings: Sequence[str]) -> Path | None:
    """The first file at a path with one of the endings, None if there is none."""
    paths = (path.with_name(f"{path.name}{ending}") for ending in endings)
    return next((each for each in paths if each.is_file()), None)
