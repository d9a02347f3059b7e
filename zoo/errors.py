"""What went wrong, in words for people: what was found, what is allowed, what to do."""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

from zoo.text import brief, printable

FEW = 8  # names that a message may list
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ZooError(Exception):
    """Anything the zoo refuses; the message, of one printable line, says what to do instead."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(str(message)))


class UnknownName(ZooError):
    """No model, class or data set of that name: names up to three near ones, else all if they are
    few, else `listed_by`, which prints them."""

    def __init__(self, kind: str, name: str, known: Iterable[str], listed_by: str = "") -> None:
        known = sorted(known)
        near = get_close_matches(name[:100], known, n=3, cutoff=0.5)
        if near:
            hint = f"did you mean {' or '.join(near)}?"
        elif len(known) <= FEW:
            hint = f"known: {', '.join(known) or 'none'}"
        else:
            hint = f"{listed_by} lists all {len(known)}" if listed_by else f"{len(known)} are known"
        super().__init__(f"there is no {kind} called {brief(name)}; {hint}")


class BadInput(ZooError):
    """Images, latents or numbers that a model cannot take."""


class BadWeights(ZooError):
    """A weights file that cannot be read as one."""


class BadCard(ZooError):
    """A card that cannot be read as one."""


class BadRecipe(ZooError):
    """A recipe that cannot be followed."""


class MissingData(ZooError):
    """A data set that is not there and could not be downloaded."""


class Diverged(ZooError):
    """A training whose numbers are none any more."""

    def __init__(self, player: str, step: int, words: str, good: str = "") -> None:
        kept = f"{good} keeps the weights from before" if good else "no checkpoint was written yet"
        super().__init__(
            f"after step {step} the {player} {words}: the training has diverged, and {kept}; start "
            "anew with a smaller learning rate, or with --trainer.precision 32-true"
        )


def explain_os_error(error: OSError) -> str:
    """One line for an OSError: which file, what happened, what to do."""
    files = [str(name) for name in (error.filename, error.filename2) if name]
    where = files[-1] if files else "a file"
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno is None:
        return printable(str(error) or reason)
    if error.errno in FULL:
        remedy = "Free space there or write to another disk; what was there before is unchanged"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "Name a place that you may read and write, as by --to"
    elif error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY):
        remedy = "Name another place: a file is where a folder should be, or a folder for a file"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "Give it a shorter name"
    else:
        remedy = "See that it is there and can be read" if files else "Try again"
    return printable(f"{where}: {reason}. {remedy}")
