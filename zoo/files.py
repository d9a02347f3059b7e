"""Atomic writing of files."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def expand_user(path: str | Path) -> Path:
    """Replace a leading ~ or ~user by the home folder; return the path unchanged without one."""
    return Path(os.path.expanduser(path))


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
